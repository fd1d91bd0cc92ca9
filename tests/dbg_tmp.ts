// statements of a three-activity workflow, and throughput
import { testDatabase } from "./support/database.ts";
import { createRuntime, defineMachine } from "perdura";
import { fromPromise, setup } from "xstate";
import { Database } from "../src/store/database.ts";
let log: string[] = []; const o = Database.prototype.query;
Database.prototype.query = function (t: string, p: any) { log.push(t.split("\n")[0].slice(0,60)); return o.call(this, t, p); };
const step = (id: string, next: string) => ({ invoke: { src: "work" as const, id, onDone: next } });
const m = (n: number) => defineMachine(setup({ actors: { work: fromPromise(() => Promise.resolve("x")) } }).createMachine({
  id: "w"+n, initial: "s0", states: { ...Object.fromEntries(Array.from({length:n},(_,i)=>["s"+i, step("a"+i, i+1<n?"s"+(i+1):"over")])), over: { type: "final" } } } as any), { version: "1" });
await using db = await testDatabase();
const api = await createRuntime({ databaseUrl: db.url, machines: [m(3), m(5)] });
const r = await createRuntime({ databaseUrl: db.url, machines: [m(3), m(5)], pollMs: 1000 });
r.work(); await new Promise(d=>setTimeout(d,1500)); log=[];
await r.actors.start({ machine: "w3", id: "x" });
const t0=performance.now();
while ((await db.sql`select status from perdura.actor where id='x'`)[0]?.status !== "done") await new Promise(d=>setTimeout(d,2));
console.log("one w3 ms", performance.now()-t0); await new Promise(d=>setTimeout(d,100)); console.log(log.length, log.join("\n"));
const lat=[]; for (let i=0;i<20;i++){ const t=performance.now(); await r.actors.start({machine:"w5", id:"l"+i}); while ((await db.sql`select status from perdura.actor where id=${"l"+i}`)[0]?.status !== "done") await new Promise(d=>setTimeout(d,1)); lat.push(performance.now()-t);} lat.sort((a,b)=>a-b); console.log("w5 alone median ms", lat[10]);
for (const n of [100, 1000]) { const t=performance.now(); log=[]; await Promise.all(Array.from({length:n},(_,i)=>r.actors.start({machine:"w5",id:`b${n}-${i}`}))); console.log("started", n, performance.now()-t);
 while ((await db.sql`select count(*)::int n from perdura.actor where status <> 'done'`)[0]?.n > 0) await new Promise(d=>setTimeout(d,10));
 const s=(performance.now()-t)/1000; console.log(n, "w5 in", s, "s =", (n/s).toFixed(0), "workflows/s", log.length, "statements"); }
await api.close(); await r.close();
