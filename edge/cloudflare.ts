/**
 * The entry of a Cloudflare Worker. Bind `DATABASE_URL` to the connection string of a Hyperdrive, and
 * let a cron trigger call `scheduled`:
 *
 *     name = "perdura"
 *     main = ".out/worker.js"
 *     compatibility_date = "2026-01-01"
 *     [triggers]
 *     crons = ["* * * * *"]
 */
import { edge } from "./program.ts";

export default edge;
