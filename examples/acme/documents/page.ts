/** What the index holds: one section of a document, short enough to be read at once. */
export interface Page {
  /** `handbook/refunds#partial-refunds`: where it comes from, unique, the same in every run. */
  readonly id: string;
  readonly title: string;
  readonly text: string;
  /** Whose it is; nobody else finds it. */
  readonly tenant: string;
  /** A data class of the bundle. */
  readonly class: PageClass;
}

export const PAGE_CLASSES = ["document.public", "document.internal", "document.people"] as const;
export type PageClass = (typeof PAGE_CLASSES)[number];
