/** Perdura inside another program: a runtime is all that its API needs. */
import { assertEquals } from "@std/assert";
import { Hono } from "hono";
import { approvalMachine } from "../../machines/approval.ts";
import { createApp, createRuntime, defineMachine } from "perdura";
import { testDatabase } from "../support/database.ts";

Deno.test("createApp() takes a runtime as it is: healthy, with its jobs, actors and schedules", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(approvalMachine, { version: "1" })];
  await using perdura = await createRuntime({ sql: db.sql, machines });
  const app = new Hono().route("/perdura", createApp(perdura));
  const health = await app.request("/perdura/health");
  assertEquals([health.status, await health.json()], [200, {
    status: "ok",
    checks: { database: "ok", write: "ok" },
  }]);
  const started = await app.request("/perdura/actors", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      machine: "approval",
      id: "chair",
      input: { title: "A chair", approver: "ada" },
    }),
  });
  assertEquals(started.status, 201);
});
