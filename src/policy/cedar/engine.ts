/** The one place that names Cedar's build: another runtime needs another entry of the package. */
export {
  policyToJson,
  preparsePolicySet,
  statefulIsAuthorized,
  validate,
} from "@cedar-policy/cedar-wasm/nodejs";
export type {
  Context,
  DetailedError,
  EntityJson,
  PolicyJson,
  SchemaJson,
} from "@cedar-policy/cedar-wasm/nodejs";
