// deno-lint-ignore-file no-console -- its answer is what it prints
/** Prints the folder of the suite's cases. Run with the configuration and lock of this folder alone. */

// Imported, since to be resolved alone fetches nothing; by a name that only this configuration has.
const description = "scion/package.json";
await import(description, { with: { type: "json" } });
console.log(new URL("./test/", import.meta.resolve(description)).pathname);
