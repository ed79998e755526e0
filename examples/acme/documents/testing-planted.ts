/** A question and the one page that answers it: what a search over the library must find. */
export interface Planted {
  readonly question: string;
  readonly page: string;
}

/** In the words of the page, as somebody asks who knows the trade. */
export const PLANTED_FOR_TEXT: readonly Planted[] = [
  { question: "single sign-on with Google", page: "acme-handbook/plans#team" },
  { question: "availability money back SAML", page: "acme-handbook/plans#business" },
  {
    question: "charities pay half of the list price",
    page: "acme-handbook/plans#students-and-charities",
  },
  {
    question: "translator for other languages",
    page: "acme-handbook/support-hours#which-languages-we-speak",
  },
  {
    question: "download the workspace as an archive",
    page: "acme-handbook/support-hours#exporting-everything",
  },
  {
    question: "who approves a refund above 50 euros",
    page: "acme-handbook/refunds#who-may-refund-how-much",
  },
  {
    question: "charged twice cancellation",
    page: "acme-handbook/refunds#reasons-that-are-good-enough",
  },
  { question: "invoice under litigation", page: "acme-handbook/refunds#refunds-before-a-court" },
  {
    question: "customer says it was paid bank statement",
    page: "acme-handbook/dunning#customer-says-it-was-paid",
  },
  { question: "interest above the base rate", page: "acme-handbook/dunning#fees-and-interest" },
  { question: "collection agency ninety days", page: "acme-handbook/dunning#collection-agency" },
  { question: "severity one wakes people", page: "acme-handbook/incidents#severity" },
  {
    question: "key pasted into a public repository",
    page: "acme-handbook/incidents#a-leaked-credential",
  },
  { question: "swap a week of the rota", page: "acme-handbook/on-call#the-rota" },
  { question: "migration locks a table", page: "acme-handbook/deploys#database-migrations" },
  {
    question: "request to be forgotten invoices kept ten years",
    page: "acme-handbook/data-protection#erasure",
  },
  {
    question: "pixelated number in a screenshot",
    page: "acme-handbook/data-protection#screenshots",
  },
  { question: "parental leave part-time return", page: "acme-handbook/leave#parental-leave" },
  {
    question: "denied field is always null",
    page: "postern/decisions/0012-a-denied-field-is-always-null#0012-a-denied-field-is-always-null",
  },
  {
    question: "format string with colors for the terminal supports NO_COLOR",
    page: "packages/picocolors#picocolors",
  },
];

/** As somebody types who does not: other forms of the words, run together, misspelt. */
export const PLANTED_FOR_VECTORS: readonly Planted[] = [
  { question: "googel singel signon for teams", page: "acme-handbook/plans#team" },
  {
    question: "changing to smaller or larger plans, crediting the period",
    page: "acme-handbook/plans#changing-the-plan",
  },
  {
    question: "discounts for a charity or a student",
    page: "acme-handbook/plans#students-and-charities",
  },
  {
    question: "downloading workspaces as archives",
    page: "acme-handbook/support-hours#exporting-everything",
  },
  {
    question: "holliday opening houres on weekdays",
    page: "acme-handbook/support-hours#opening-hours",
  },
  {
    question: "refunding: whose approval, how many euro",
    page: "acme-handbook/refunds#who-may-refund-how-much",
  },
  { question: "partially refunded invoices", page: "acme-handbook/refunds#partial-refunds" },
  {
    question: "transfering money to the same cards or acounts",
    page: "acme-handbook/refunds#how-the-money-travels",
  },
  {
    question: "customers saying they have payed; bank statments",
    page: "acme-handbook/dunning#customer-says-it-was-paid",
  },
  {
    question: "friendly remindings after due dates",
    page: "acme-handbook/dunning#the-calendar-of-reminders",
  },
  { question: "collecting agencies", page: "acme-handbook/dunning#collection-agency" },
  { question: "severities of an incidental", page: "acme-handbook/incidents#severity" },
  {
    question: "leaking credentials, rotating keys",
    page: "acme-handbook/incidents#a-leaked-credential",
  },
  {
    question: "pagerduty weekly payment for nights",
    page: "acme-handbook/on-call#what-a-pager-duty-week-pays",
  },
  { question: "rollback to a previous versioning", page: "acme-handbook/deploys#rolling-back" },
  {
    question: "migrating databases without locking tables",
    page: "acme-handbook/deploys#database-migrations",
  },
  {
    question: "lost laptops with encryption",
    page: "acme-handbook/data-protection#losing-a-laptop",
  },
  { question: "bluring screenshoted addresses", page: "acme-handbook/data-protection#screenshots" },
  { question: "sicknotes", page: "acme-handbook/leave#sick-notes" },
  { question: "salary banding of an enginer", page: "acme-handbook/salaries#bands-of-engineering" },
];
