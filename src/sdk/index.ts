/** What an agent imports. A tool that checks call tokens imports `postern/verify` instead. */
export { AgentKey } from "./agent.ts";
export {
  PosternClient,
  Workflow,
  type CallOptions,
  type EventPage,
  type OpenOptions,
  type SavedWorkflow,
  type UndoRefused,
  type UndoStep,
} from "./client.ts";
export { Applicant, seatOfCall } from "./applicant.ts";
export type { Connection } from "./door.ts";
export { PosternError } from "./error.ts";
export type { Granted, SeatAsk, WorkflowAsk } from "./oauth.ts";
export { hashedNgrams } from "./hashed-ngrams.ts";
export { ProofKey } from "./proof.ts";
export type { PrivateKeyJwk } from "./sign.ts";
export type { Json, JsonObject } from "../core/model/json.ts";
export type { ToolListing } from "../core/model/tool-listing.ts";
export type {
  ApprovalRequest,
  ApprovalRequired,
  Failed,
  Ok,
  Outcome,
  OutcomeUnknown,
  PartialResult,
  PolicyDenied,
  Redaction,
  ToolResult,
  Truncation,
} from "../core/model/outcome.ts";
