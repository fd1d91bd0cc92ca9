/** Every bound on what clients may send and on what we store, with its unit and its reason. */
export const limits = {
  /** One payload or output, UTF-8 bytes of its JSON. A megabyte is a document, not a job. */
  payloadBytesMax: 1024 * 1024,
  /** Larger values leave the hot row for `job_data`: a row that moves must stay small. */
  inlineBytesMax: 1024,
  /** Body of a batch request, bytes. */
  batchBytesMax: 64 * 1024 * 1024,
  /** Jobs in one batch request: one statement, a few hundred milliseconds. */
  batchJobsMax: 10_000,
  /** One file, bytes. */
  fileBytesMax: 32 * 1024 * 1024,
  /** Nesting of a JSON value; PostgreSQL's own stack gives out far later. */
  jsonDepthMax: 64,
  /** Tenant, type, queue, partition key. */
  nameLengthMax: 128,
  /** Idempotency key, characters. */
  keyLengthMax: 255,
  tagsMax: 20,
  tagLengthMax: 64,
  metadataBytesMax: 4096,
  /** A job's log: of one attempt the newest lines are kept, up to these. */
  logLinesMax: 1_000,
  logLengthMax: 256 * 1024,
  /** One line, characters. */
  logMessageLengthMax: 4096,
  logDataLengthMax: 8192,
  /** Progress is in the hot row, and written often. */
  progressBytesMax: 4096,
  attemptsMax: 1000,
  crashesMax: 100,
  /** The largest delay or backoff: ten years. */
  delayMsMax: 10 * 365 * 24 * 3600 * 1000,
  /** Longest timeout of one attempt: a week. */
  timeoutMsMax: 7 * 24 * 3600 * 1000,
  /** A stored error: enough to recognise it, never a payload. */
  errorMessageBytesMax: 3072,
  errorNameLengthMax: 128,
  /** Mistakes named in one answer: a body of a megabyte can hold a hundred thousand. */
  issuesMax: 100,
  /** Items of one page. */
  pageDefault: 50,
  pageMax: 1000,
  /** The deepest page by offset: it is counted off, entry by entry. */
  offsetMax: 100_000,
  /** Longest wait of one request: proxies end it after a minute or so. */
  waitMsMax: 60_000,
  /** Ids in one request. */
  idsMax: 10_000,
  /** Starts of a gate in a minute, and in one burst. */
  ratePerMinuteMax: 1_000_000,
  /** Jobs past one gate at the same time: a claim looks at each of its slots. */
  concurrencyMax: 10_000,
  /** Shares are told apart by whole numbers. */
  weightMax: 1_000,
  /** Jobs of one tenant that may wait. */
  backlogMax: 1_000_000_000,
  /** Shortest lease of a lock: renewed at a third. */
  lockTtlMsMin: 300,
  /** Failures that open a breaker: each is remembered. */
  breakerFailuresMax: 1_000,
  /** Holders of slots that an explanation names. */
  holdersMax: 10,
  /** A search, characters. */
  queryLengthMax: 500,
  /** Jobs of an operation in a second. */
  ratePerSecondMax: 100_000,
  /** Ended jobs that a policy keeps by their number: all of them are passed by each look. */
  keptMax: 1_000_000,
  /** Jobs of a dry run that are shown. */
  sampleMax: 10,
  /** How long a rotated key may go on, milliseconds: a week. */
  keyOverlapMsMax: 7 * 86_400_000,
} as const;

/** Timeout of an attempt when neither job nor handler names one: 15 minutes. */
export const DEFAULT_TIMEOUT_MS: number = 15 * 60 * 1000;

/** After a timeout or a cancel request, how long a handler may take to stop: 15 seconds. */
export const GRACE_MS = 15_000;

/** How long an idempotency key points at a job that has ended: 7 days since the job was sent. */
export const KEY_TTL_MS: number = 7 * 24 * 3600 * 1000;

/** A process may be unaware of a new limit for this long; then what runs already is counted. */
export const UNAWARE_MS = 1_000;
