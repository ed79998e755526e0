/** What one destination may have under way, and waiting, at one time. */
export interface Limits {
  readonly concurrency: number;
  readonly queue: number;
}
