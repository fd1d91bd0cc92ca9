/**
 * The part of `@std/testing/bdd` our tests use, over `node:test`.
 *
 * JSR is not reachable where CI runs, so tests/deno.json points the sub-paths of `@std/testing` here.
 * Names are std's: where JSR is at hand, deleting those lines there is the whole migration.
 *
 * Two habits of `node:test` to know: `--filter` sees only the outermost `describe`, and a `describe`
 * is reported as a test of its own besides the ones in it.
 */
export {
  after,
  after as afterAll,
  afterEach,
  before,
  before as beforeAll,
  beforeEach,
  describe,
  it,
  test,
} from "node:test";
