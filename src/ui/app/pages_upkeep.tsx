/** The pages of those who keep it running. */
import { DeadLettersPage } from "./dead_letters.tsx";
import { MetricsPage } from "./metrics.tsx";
import { OperationsPage } from "./operations.tsx";
import { QueuesPage } from "./queues.tsx";
import { SchedulesPage } from "./schedules.tsx";
import { SignInPage } from "./sign_in.tsx";
import { WorkersPage } from "./workers.tsx";

/** One of them. */
export function UpkeepPages({ page, id }: { readonly page: string; readonly id: string }) {
  if (page === "dead-letters") return <DeadLettersPage />;
  if (page === "operations") return <OperationsPage />;
  if (page === "queues") return <QueuesPage />;
  if (page === "schedules") return <SchedulesPage id={id} />;
  if (page === "workers") return <WorkersPage />;
  return page === "metrics" ? <MetricsPage /> : <SignInPage />;
}
