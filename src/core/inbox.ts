/** What callers in SQL ask for waits in the inbox, by type: a job of that type, or this. */

/** The type of what asks for an actor (`perdura.start_actor`). */
export const START_ACTOR = "perdura.start_actor";
