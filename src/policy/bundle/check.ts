import { compileBundle } from "../compile.ts";
import { nameOfType, sameType, type ArgumentTypes, type CedarType } from "../cedar/schema.ts";
import { readAgents, type Agents } from "./agents.ts";
import { confusables } from "./confusable.ts";
import { bundleDigest } from "./digest.ts";
import { parseJsonc } from "./jsonc.ts";
import { MAX_FILE_CHARS } from "./limits.ts";
import { find, type Located } from "./located.ts";
import { readManifest, type Manifest } from "./manifest.ts";
import { Report, type Mistake } from "./mistake.ts";
import { POLICY_FILES, type BundleFiles, type BundleSource, type PolicyTexts } from "./model.ts";
import {
  AGENTS_FILE,
  FIXED_FILES,
  isBundleFile,
  isIgnored,
  MANIFEST_FILE,
  policyPath,
  TESTS_FILE,
  toolIdOf,
  TRUST_FILE,
} from "./paths.ts";
import { checkPolicies, RuleIds, type PolicyWorld } from "./policies.ts";
import type { Vocabulary } from "./policy-references.ts";
import { expectKnown, type Place } from "./read.ts";
import { BUILT_IN_RULES, runTest } from "./run-tests.ts";
import { SourceFile } from "./source-file.ts";
import { readTests, type PolicyTest } from "./tests.ts";
import { readTool, unreadTool, type ReadTool } from "./tool.ts";
import { readTrust, type Trust } from "./trust.ts";
import { likely } from "./typo.ts";
import { checkUndo } from "./undo.ts";
import { parseYaml } from "./yaml.ts";

export type CheckedBundle =
  | { readonly ok: true; readonly bundle: BundleSource }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/** Reports every mistake of a bundle at once; what passes can be compiled. Pure. */
export function checkBundle(files: BundleFiles): CheckedBundle {
  const check = new Check(files);
  const bundle = check.run();
  return bundle === null ? { ok: false, mistakes: check.report.sorted() } : { ok: true, bundle };
}

class Check {
  readonly report = new Report();
  readonly #files = new Map<string, SourceFile>();

  constructor(files: BundleFiles) {
    for (const path of Object.keys(files)) {
      if (isIgnored(path)) continue;
      const file = new SourceFile(path, files[path] ?? "");
      if (this.#isUsable(file)) this.#files.set(path, file);
    }
    for (const path of FIXED_FILES) {
      if (Object.hasOwn(files, path)) continue;
      const fix = path.endsWith(".cedar") ? `create ${path}; it may be empty` : `create ${path}`;
      this.report.add(new SourceFile(path, ""), 0, "file_missing", "this file is missing", fix);
    }
  }

  run(): BundleSource | null {
    const manifestNode = this.#parse(MANIFEST_FILE);
    const agentsNode = this.#parse(AGENTS_FILE);
    const trustNode = this.#parse(TRUST_FILE);
    const toolNodes = this.#parseTools();
    const testsNode = this.#parse(TESTS_FILE);
    // Without the declarations every name would look unknown: then say only what is certain.
    const manifest = manifestNode && readManifest(manifestNode, this.#place(MANIFEST_FILE));
    const agents = agentsNode && readAgents(agentsNode, this.#place(AGENTS_FILE));
    const tools =
      manifest &&
      toolNodes.map(({ id, path, node }): ReadTool =>
        node === undefined ? unreadTool(id) : readTool(id, node, manifest, this.#place(path)),
      );
    if (agents) this.#checkToolAgents(toolNodes, agents);
    for (const [at, tool] of tools?.entries() ?? []) {
      this.#checkUndo(tool, toolNodes[at]?.node, tools ?? []);
    }
    const toolIds = toolNodes.map((tool) => tool.id);
    for (const { id, name, like } of confusables(tools ?? [])) {
      this.report.add(
        this.#place(`tools/${id}.jsonc`).file,
        0,
        "tool_confusable",
        `"${name}" passes for "${like.name}" of the tool "${like.id}"`,
        "rename one of the two, or leave it out: who reads fast takes one for the other",
      );
    }
    const trust =
      agents && trustNode && readTrust(trustNode, agents, toolIds, this.#place(TRUST_FILE));
    if (!manifest || !agents || !tools || !trust) {
      this.#checkPolicies(null);
      return null;
    }
    const vocabulary = vocabularyOf(manifest, agents, trust, toolIds);
    // Arguments of a file that does not even parse are unknown, not wrong.
    const types = this.#argumentTypes(tools);
    const sources = [...new Set(tools.flatMap((tool) => tool.sourceArguments))].sort();
    const allParsed = toolNodes.every((tool) => tool.node !== undefined);
    const rules = this.#checkPolicies({
      vocabulary,
      types: allParsed ? { arguments: types, sources } : null,
    });
    const names = { vocabulary, rules: [...rules, ...BUILT_IN_RULES], tools };
    const tests = testsNode && readTests(testsNode, names, this.#place(TESTS_FILE));
    const decides = (file: string): boolean => file !== TESTS_FILE && file !== AGENTS_FILE;
    if (tests === undefined || this.report.countWhere(decides) > 0) return null;
    const bundle = this.#bundle(manifest, agents, trust, tools);
    this.#runTests(bundle, tests);
    return this.report.count === 0 ? bundle : null;
  }

  #isUsable(file: SourceFile): boolean {
    if (!isBundleFile(file.path)) {
      const meant = likely(file.path, FIXED_FILES);
      const fix =
        meant === undefined
          ? "remove it; tools stand in tools/<id>.jsonc"
          : `did you mean "${meant}"?`;
      this.report.add(file, 0, "file_unknown", "no file of a bundle has this name", fix, meant);
      return false;
    }
    if (file.text.length > MAX_FILE_CHARS) {
      const message = `more than ${MAX_FILE_CHARS} characters`;
      this.report.add(file, 0, "file_too_big", message, "split it up");
      return false;
    }
    // Invisible and direction-changing characters make a reviewer read another rule than runs.
    const hidden = file.text.search(HIDDEN);
    if (hidden >= 0) {
      const code = (file.text.codePointAt(hidden) ?? 0).toString(16).toUpperCase().padStart(4, "0");
      const message = `the invisible character U+${code}`;
      this.report.add(
        file,
        hidden,
        "hidden_character",
        message,
        "remove it, or write it as an escape",
      );
    }
    return true;
  }

  #place(path: string): Place {
    return { file: this.#files.get(path) ?? new SourceFile(path, ""), report: this.report };
  }

  #parse(path: string): Located | undefined {
    const file = this.#files.get(path);
    if (file === undefined) return undefined;
    return path.endsWith(".yaml") ? parseYaml(file, this.report) : parseJsonc(file, this.report);
  }

  #parseTools(): readonly { id: string; path: string; node: Located | undefined }[] {
    return [...this.#files.keys()].toSorted().flatMap((path) => {
      const id = toolIdOf(path);
      return id === undefined ? [] : [{ id, path, node: this.#parse(path) }];
    });
  }

  #checkUndo(
    { id, description }: ReadTool,
    node: Located | undefined,
    tools: readonly ReadTool[],
  ): void {
    const at = find(node, "undo");
    if (description === undefined || at === undefined) return;
    checkUndo(description, at, tools, this.#place(`tools/${id}.jsonc`));
  }

  /** A tool that is itself an agent: nobody else may take a seat for its calls. */
  #checkToolAgents(
    tools: readonly { readonly path: string; readonly node: Located | undefined }[],
    agents: Agents,
  ): void {
    for (const { path, node } of tools) {
      const named = find(node, "agent");
      if (named?.type !== "string") continue;
      const name = named.value as string;
      const place = this.#place(path);
      expectKnown(name, agents.ids, named.offset, "unknown_agent", "agent", AGENTS_FILE, place);
    }
  }

  /** One argument name has one Cedar type in the whole bundle: policies are typed once. */
  #argumentTypes(tools: readonly ReadTool[]): ArgumentTypes {
    const types = new Map<string, { readonly type: CedarType; readonly tool: string }>();
    for (const tool of tools) {
      for (const { name, type, offset } of tool.policyArguments) {
        const first = types.get(name);
        if (first === undefined) types.set(name, { type, tool: tool.id });
        else if (!sameType(first.type, type)) {
          this.report.add(
            this.#place(`tools/${tool.id}.jsonc`).file,
            offset,
            "policy_argument_conflict",
            `"${name}" is ${nameOfType(type)} here, but ${nameOfType(first.type)} in "${first.tool}"`,
            "rename one of the two arguments, or give both the same type",
          );
        }
      }
    }
    return new Map([...types].map(([name, { type }]) => [name, type]));
  }

  #checkPolicies(world: PolicyWorld | null): readonly string[] {
    const ids = new RuleIds();
    for (const name of POLICY_FILES) {
      const path = policyPath(name);
      if (this.#files.has(path)) checkPolicies(name, world, ids, this.#place(path));
    }
    return ids.all;
  }

  #bundle(
    manifest: Manifest,
    agents: Agents,
    trust: Trust,
    tools: readonly ReadTool[],
  ): BundleSource {
    const texts = Object.fromEntries([...this.#files].map(([path, file]) => [path, file.text]));
    return {
      digest: bundleDigest(texts) ?? "",
      name: manifest.name,
      dataClasses: manifest.dataClasses,
      labels: manifest.labels,
      destinations: [...manifest.destinations.values()],
      writeDomains: manifest.writeDomains,
      agents: agents.descriptions,
      trust: trust.edges,
      delegations: trust.delegations,
      approvalKinds: manifest.approvalKinds,
      containment: manifest.containment,
      tools: tools.flatMap((tool) => tool.description ?? []),
      policies: Object.fromEntries(
        POLICY_FILES.map((name) => [name, texts[policyPath(name)] ?? ""]),
      ) as PolicyTexts,
    };
  }

  #runTests(bundle: BundleSource, tests: readonly PolicyTest[]): void {
    const compiled = compileBundle(bundle);
    const { file } = this.#place(TESTS_FILE);
    for (const test of tests) {
      const failure = runTest(compiled, test);
      if (failure === null) continue;
      const fix = "change the policies or the expectation: they disagree";
      this.report.add(file, test.offset, "test_failed", `"${test.name}": ${failure}`, fix);
    }
  }
}

/**
 * Controls but tab and LF (a lone CR ends a line for some readers and not for others), zero-width
 * characters, direction marks and overrides, line separators, BOM, and the tag characters in which
 * text for language models can hide.
 */
const HIDDEN = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]--[\t\n]]/v;

function vocabularyOf(
  manifest: Manifest,
  agents: Agents,
  trust: Trust,
  tools: readonly string[],
): Vocabulary {
  return {
    agents: agents.ids,
    tools,
    destinations: manifest.destinationIds,
    dataClasses: manifest.dataClasses,
    labels: manifest.labels,
    writeDomains: manifest.writeDomains.map((domain) => domain.id),
    purposes: trust.purposes,
    trust: trust.ids,
    approvals: manifest.approvalKinds.map((kind) => kind.id),
  };
}
