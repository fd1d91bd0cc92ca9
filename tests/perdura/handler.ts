/** `perdura/handler`, by way of this folder: a name of tests/deno.json that led out of it would bring the other one along. */
export * from "../../src/library/handler.ts";
