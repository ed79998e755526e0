import type { ApprovalCode, FailureCode, PolicyCode } from "./outcome.ts";

/**
 * What each code says to the agent that reads it: what happened, and what to do now. One map, so a
 * code without words does not compile. Constant text: no argument, row, token or name gets in (P10).
 */
export const DENIALS: { readonly [code in PolicyCode]: Denial } = {
  unknown_tool: {
    message: "No tool of this name exists here.",
    remedy: "List the tools again and use one of them.",
  },
  tool_not_granted: {
    message: "This workflow was opened without this tool.",
    remedy: "Use a tool that was granted, or ask the human to start a workflow that includes it.",
  },
  tool_unreviewed: {
    message: "Nobody has confirmed yet what this tool does and what it may return.",
    remedy: "Use another tool, or tell the human that this one waits for its review.",
  },
  network_denied: {
    message: "This agent may not connect to the service behind this tool.",
    remedy: "Choose a tool of another service.",
  },
  action_denied: {
    message: "This agent may not do this with this tool.",
    remedy: "Choose another tool or other arguments, or report to the human what is missing.",
  },
  data_denied: {
    message: "Nothing this tool returns may be shown to this agent.",
    remedy: "Choose a tool that returns less sensitive data.",
  },
  budget_denied: {
    message: "A policy refuses to spend on this call in the present state of the workflow.",
    remedy: "Finish with what you have, or ask the human to start another workflow.",
  },
  budget_exhausted: {
    message: "This call would exceed a ceiling of the workflow.",
    remedy: "Finish with what you have, or ask the human to start another workflow.",
  },
  policy_error: {
    message: "A policy could not be evaluated, so the call is denied.",
    remedy: "Do not repeat the call; report the rule ids to the human.",
  },
  locked: {
    message: "A lock is in force on something this call needs, or on the workflow itself.",
    remedy: "Stop, keep your state in a checkpoint if you still can, and tell the human.",
  },
  seat_unknown: {
    message: "The credential names no living seat of this workflow.",
    remedy: "Renew the credential, or ask the human to start another workflow.",
  },
  trust_denied: {
    message: "This human may not start this agent for this purpose with these tools.",
    remedy: "Ask for fewer tools or another purpose, or have the trust of this tenant changed.",
  },
  workflow_closed: {
    message: "The workflow is closed.",
    remedy: "Ask the human to start another workflow.",
  },
  workflow_expired: {
    message: "The workflow has reached the end of its life.",
    remedy: "Ask the human to start another workflow.",
  },
  approval_rejected: {
    message: "A human rejected this, or nobody decided in time; it stays so in this workflow.",
    remedy: "Do not repeat the call; choose another way, or report to the human.",
  },
  approval_stale: {
    message: "What was approved is no longer what would happen, so nothing was done.",
    remedy: "Send the call again to ask for an approval of the present state.",
  },
  approvals_exhausted: {
    message: "Too many requests for approval are open in this workflow.",
    remedy: "Wait until humans have decided some of them.",
  },
  critical_domain_taken: {
    message: "This workflow has already written to another critical domain.",
    remedy: "Ask the human to start another workflow for this one.",
  },
  delegation_denied: {
    message: "This agent may not give that agent a seat with these rights.",
    remedy: "Ask for fewer tools or smaller caps, or do the work yourself.",
  },
  effect_unknown: {
    message: "Nobody knows yet whether an identical call took effect.",
    remedy: "Ask for the outcome of the call named in blockedBy until it is known.",
  },
  read_only: {
    message: "After something suspicious this workflow may only read.",
    remedy: "Stop writing and tell the human.",
  },
  cross_tenant_context: {
    message: "This agent key belongs to another tenant.",
    remedy: "Make a key pair for each tenant, and use none of them in two.",
  },
};

export interface Denial {
  readonly message: string;
  readonly remedy: string;
}

export const APPROVAL_MESSAGES: { readonly [code in ApprovalCode]: string } = {
  approval_unknown: "There is no such request for approval.",
  approval_expired: "The time for this decision is over; it counts as rejected.",
  approval_over: "This request has been decided already.",
  digest_mismatch: "What was signed in for is not what is asked. Look at the request again.",
  kind_unknown: "This request does not ask for this kind of approval.",
  kind_given: "This kind has been given already.",
  two_kinds: "One human decides one kind of a request. Ask a colleague for the other.",
  self_approval: "Who started the workflow may not give this kind of approval.",
  not_permitted: "The policies do not permit this human to give this kind of approval.",
  may_not_see: "This human may not see all that would change, and so cannot approve it.",
  workflow_over: "The workflow has ended.",
};

export const FAILURE_MESSAGES: { readonly [code in FailureCode]: string } = {
  audit_unavailable: "The record could not be written, so nothing was done. Try again later.",
  busy: "Too many calls are in flight, of this tenant, of this workflow or at this service. Wait for one to end, then try again.",
  cancelled: "The call was taken back by its agent. A read may be sent again.",
  internal_error: "Postern failed and recorded it. Do not repeat the call; report its id.",
  interrupted: "The call was cut short before its end was known. A read may be sent again.",
  locks_unavailable: "Postern cannot tell which locks are in force and admits nothing. Try again.",
  not_dispatched: "The call was admitted but never left, and cost nothing. Send it again.",
  rolled_back: "The service did not make the change: nothing happened. It may be sent again.",
  rate_limited:
    "Too many refused calls, or questions. Wait as long as told and stop repeating what was refused.",
  policy_unavailable: "The policy engine gave no answer, so nothing was admitted. Try again.",
  invalid_arguments: "The arguments do not match the input schema. Correct the places named.",
  idempotency_conflict: "This idempotency key was used for another call. Choose a new one.",
  output_invalid: "The tool answered what its description forbids; the answer is withheld.",
  deadline_exceeded: "The tool did not answer in its time. Ask for less, or try again later.",
  connector_unavailable: "No connector serves this tool now. Try again later.",
  connector_lost: "The connector was lost while the call was out. Try again.",
  connection_refused: "The service refused the connection. Try again later.",
  connection_timeout: "The service could not be reached in time. Try again later.",
  connection_terminated: "The service closed the connection before it had answered. Try again.",
  dns_error: "The name of the service could not be resolved. Try again later.",
  destination_not_found: "The connector does not serve this destination. Tell the operator.",
  destination_ip_prohibited: "The address of the service is not allowed. Tell the operator.",
  tls_certificate_error: "The certificate of the service is not trusted. Tell the operator.",
  token_refused: "The connector or the service refused the call token. Tell the operator.",
  tool_drifted:
    "The service has changed what this tool is since it was reviewed; nothing was sent. Do not use it.",
  preview_too_large: "The change is larger than a human can be shown whole. Change less at once.",
  preview_unavailable: "The service gave no preview of this change. Try again later.",
  preview_stale: "The state has moved on since the preview; nothing was changed.",
  response_too_large: "The answer is larger than this tool may return. Ask for less.",
  upstream_error: "The service failed while it handled the call. Try again later.",
  upstream_rejected: "The service rejected the call as it stands. Change the arguments.",
};

/** What to do about a result of which a part was left out. */
export const TRUNCATION_ADVICE = {
  page: "Part of the result was left out. Ask for the rest with the arguments named.",
  narrow: "Part of the result was left out. Ask for less at once to get the rest.",
} as const;

/** Whatever the cause: "try again" would be told to somebody who must not. */
export const UNKNOWN_MESSAGE =
  "Nobody knows whether this call took effect. Ask at the reconcile link, or send it again under its idempotency key; never as a new call.";
