/** What an agent imports. A tool that checks call tokens imports `postern/verify` instead. */
export { AgentKey } from "./agent.ts";
export {
  PosternClient,
  Workflow,
  type CallOptions,
  type Connection,
  type EventPage,
  type OpenOptions,
  type SavedWorkflow,
} from "./client.ts";
export { PosternError } from "./error.ts";
export type { Granted, WorkflowAsk } from "./oauth.ts";
export { ProofKey } from "./proof.ts";
export type { PrivateKeyJwk } from "./sign.ts";
export type { Json, JsonObject } from "../core/model/json.ts";
export type {
  Failed,
  Ok,
  Outcome,
  OutcomeUnknown,
  PartialResult,
  PolicyDenied,
  Redaction,
  ToolResult,
} from "../core/model/outcome.ts";
