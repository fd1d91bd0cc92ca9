/** The pages of those who keep it running, and that of an address that is none. */
import { DeadLettersPage } from "./dead_letters.tsx";
import { MetricsPage } from "./metrics.tsx";
import { OperationsPage } from "./operations.tsx";
import { Empty, useTitle } from "./parts.tsx";
import { QueuesPage } from "./queues.tsx";
import { SchedulesPage } from "./schedules.tsx";
import { SignInPage } from "./sign_in.tsx";
import { WorkersPage } from "./workers.tsx";

/** The page of that name. */
export function UpkeepPages({ page, id }: { readonly page: string; readonly id: string }) {
  if (page === "dead-letters") return <DeadLettersPage />;
  if (page === "operations") return <OperationsPage />;
  if (page === "queues") return <QueuesPage />;
  if (page === "schedules") return <SchedulesPage id={id} />;
  if (page === "workers") return <WorkersPage />;
  if (page === "metrics") return <MetricsPage />;
  return page === "sign-in" ? <SignInPage /> : <NoPage name={page} />;
}

function NoPage({ name }: { readonly name: string }) {
  useTitle("Nothing here");
  return (
    <Empty isPage title={`There is no page “${name.slice(0, 80)}”`}>
      <p>
        <a href="/ui/">To the overview</a>
      </p>
    </Empty>
  );
}
