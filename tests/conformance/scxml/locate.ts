// deno-lint-ignore-file no-console -- its answer is what it prints
/** Prints the folder of the suite's cases. Run with the configuration and lock of this folder alone. */
console.log(new URL("../test/", import.meta.resolve("scion")).pathname);
