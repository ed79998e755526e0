import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

/**
 * Who may know whom. The folders of `src/` show in which process, and on whose side of the gate, a
 * file runs; that is only true while this test passes.
 */

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** No folder imports one that stands below it. */
const ORDER = [
  "core",
  "sdk",
  "sql",
  "gateway",
  "policy",
  "identity",
  "tools",
  "evidence",
  "surfaces",
  "tunnel",
  "connector",
  "hosts",
  "cli",
] as const;

/** Narrower than the order. The connector runs in the private network: it must not hold the gateway. */
const ONLY: { readonly [folder: string]: readonly string[] } = {
  core: ["src/core/"],
  sql: ["src/sql/"],
  tunnel: ["src/core/model/", "src/tunnel/"],
  connector: [
    "src/core/model/",
    "src/sdk/verify",
    "src/sdk/hashed-ngrams",
    "src/sql/",
    "src/tunnel/",
    "src/connector/",
  ],
};

/** Packages that core may use. An addition needs a decision record. */
const CORE_PACKAGES = ["canonicalize"];

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: ROOT,
  encoding: "utf8",
})
  .split("\n")
  .filter((path) => path !== "" && existsSync(`${ROOT}/${path}`));

const read = (path: string): string => readFileSync(`${ROOT}/${path}`, "utf8");
const isTest = (path: string): boolean =>
  /\.test\.ts$|\.test-support\.ts$|(^|\/)(?:testing[a-z-]*|fixture)\.ts$/.test(path);
const modules = files.filter((path) => path.endsWith(".ts"));
const shipped = modules.filter((path) => path.startsWith("src/") && !isTest(path));

interface Import {
  readonly typeOnly: boolean;
  readonly from: string;
  /** Path from the root for a file of ours, otherwise the name of the package. */
  readonly to: string;
}

function importsOf(path: string): readonly Import[] {
  // A word in quotes is text.
  const pattern =
    /(?:\b(import|export) type [^;"]*)?(?<!")(?:\bfrom|\bimport)\s*\(?\s*"([^"\n]+)"/g;
  return [...read(path).matchAll(pattern)].map(([, typeOnly, name]) => ({
    typeOnly: typeOnly !== undefined,
    from: path,
    to: name!.startsWith(".") ? posix.join(posix.dirname(path), name!) : name!,
  }));
}

const folderOf = (path: string): string => path.split("/")[1]!;
const lines = (imports: readonly Import[]): string[] =>
  imports.map(({ from, to }) => `${from} → ${to}`);
const isOurs = (to: string): boolean => /^(src|test|examples|bench|bin|scripts)\//.test(to);
const isBuiltin = (to: string): boolean =>
  /^(?:node|cloudflare):/.test(to) || builtinModules.includes(to);
const inside = (folder: string): readonly Import[] =>
  shipped.filter((path) => path.startsWith(`src/${folder}/`)).flatMap(importsOf);

describe("imports", () => {
  it("are found at all", () => {
    expect(lines(importsOf("src/core/session/decide.ts"))).toContain(
      "src/core/session/decide.ts → src/core/session/call.ts",
    );
    expect(inside("core").map(({ to }) => to)).toContain("canonicalize");
  });

  it("of the MCP client are made where there is a server to ask, and not before", () => {
    const client = shipped.filter((path) =>
      importsOf(path).some(({ to }) => to === "@modelcontextprotocol/client"),
    );
    expect(client).toContain("src/connector/mcp-session.ts");
    const atStart = (path: string): readonly string[] =>
      [...read(path).matchAll(/^import (?!type )[^;]*?from "(\.[^"]+)";/gms)].map(([, name]) =>
        posix.join(posix.dirname(path), name!),
      );
    const early = shipped.filter(
      (path) => !client.includes(path) && atStart(path).some((to) => client.includes(to)),
    );
    expect(early).toEqual([]);
  });

  it("go up the list of folders, never down", () => {
    const down = shipped.flatMap(importsOf).filter(({ from, to }) => {
      if (!to.startsWith("src/")) return false;
      return ORDER.indexOf(folderOf(to) as never) > ORDER.indexOf(folderOf(from) as never);
    });
    expect(lines(down)).toEqual([]);
  });

  it("know every folder of src", () => {
    const folders = new Set(modules.filter((path) => path.startsWith("src/")).map(folderOf));
    expect([...folders].filter((folder) => !(ORDER as readonly string[]).includes(folder))).toEqual(
      [],
    );
  });

  it.each(Object.entries(ONLY))("of %s stay within %j", (folder, allowed) => {
    const outside = inside(folder).filter(
      ({ to }) => isOurs(to) && !allowed.some((prefix) => to.startsWith(prefix)),
    );
    expect(lines(outside)).toEqual([]);
  });

  it("of core name no runtime and no package but the listed ones", () => {
    const foreign = inside("core").filter(({ to }) => !isOurs(to) && !CORE_PACKAGES.includes(to));
    expect(lines(foreign)).toEqual([]);
  });

  it("of the SDK name no Node: it runs in browsers and Workers, too", () => {
    expect(lines(inside("sdk").filter(({ to }) => isBuiltin(to)))).toEqual([]);
    const globals = shipped
      .filter((path) => path.startsWith("src/sdk/"))
      .filter((path) => /\b(?:process\.\w|Buffer\.\w|__dirname\b)/.test(read(path)));
    expect(globals).toEqual([]);
  });

  it("of the Cloudflare host reach nothing that only Node has, however far they go", () => {
    const seen = new Set<string>();
    const reached = new Set<string>();
    const follow = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const { to, typeOnly } of importsOf(path)) {
        if (typeOnly) continue;
        if (isBuiltin(to)) reached.add(to);
        else if (to.startsWith("src/")) follow(to);
      }
    };
    for (const path of shipped) if (path.startsWith("src/hosts/cloudflare/")) follow(path);
    expect([...reached].sort()).toEqual(["cloudflare:workers", "node:crypto"]);
    expect(seen).toContain("src/gateway/call.ts");
    expect(seen).not.toContain("src/hosts/node/database.ts");
  });

  it("of src never reach into tests, examples or benchmarks", () => {
    const out = shipped
      .flatMap(importsOf)
      .filter(({ to }) => isOurs(to) && (!to.startsWith("src/") || isTest(to)));
    expect(lines(out)).toEqual([]);
  });

  it("of the acceptance suite never reach into src: it is a black box", () => {
    const white = modules
      .filter((path) => path.startsWith("test/acceptance/"))
      .flatMap(importsOf)
      .filter(({ to }) => to.startsWith("src/") || to === "postern" || to.startsWith("postern/"));
    expect(lines(white)).toEqual([]);
  });

  it("of examples use what a user of the package has", () => {
    const inner = modules
      .filter((path) => path.startsWith("examples/") && !isTest(path))
      .flatMap(importsOf)
      .filter(({ to }) => to.startsWith("src/") && !to.startsWith("src/sdk/"));
    expect(lines(inner)).toEqual([]);
  });

  it("find files with fileURLToPath: a folder with a space in its name is a folder", () => {
    const encoded = modules.filter((path) => /import\.meta\.url\)\.pathname/.test(read(path)));
    expect(encoded).toEqual([]);
  });

  it("resolve with the extension they have on disk", () => {
    const lost = modules
      .flatMap(importsOf)
      .filter(({ to }) => isOurs(to) && !existsSync(`${ROOT}/${to}`));
    expect(lines(lost)).toEqual([]);
  });

  it("of shipped code name only packages that are shipped with it", () => {
    const { dependencies, devDependencies } = manifest();
    const undeclared = shipped.flatMap(importsOf).filter(({ to }) => {
      if (isOurs(to) || isBuiltin(to)) return false;
      const inside = to.replace(/^node_modules\//, "");
      const name = inside
        .split("/")
        .slice(0, inside.startsWith("@") ? 2 : 1)
        .join("/");
      return !(name in dependencies);
    });
    expect(lines(undeclared)).toEqual([]);
    for (const version of Object.values({ ...dependencies, ...devDependencies })) {
      expect(version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
    }
  });
});

interface Manifest {
  readonly bin: { readonly [name: string]: string };
  readonly exports: {
    readonly [path: string]: { readonly types: string; readonly default: string };
  };
  readonly files: readonly string[];
  readonly dependencies: { readonly [name: string]: string };
  readonly devDependencies: { readonly [name: string]: string };
}

function manifest(): Manifest {
  return JSON.parse(read("package.json")) as Manifest;
}

describe("the package", () => {
  it("offers these entry points and no other", () => {
    expect(Object.keys(manifest().exports)).toEqual([".", "./sdk", "./verify"]);
    expect(manifest().bin).toEqual({ postern: "./bin/postern.js" });
  });

  it("builds every entry point from a source that is there", () => {
    for (const { types, default: entry } of Object.values(manifest().exports)) {
      const source = entry.replace("./dist/", "src/").replace(/\.js$/, ".ts");
      expect(files).toContain(source);
      expect(types).toBe(entry.replace(/\.js$/, ".d.ts"));
    }
    expect(files).toContain("src/cli/main.ts");
  });

  it("holds what was built, and no source: Node strips no types under node_modules", () => {
    expect(manifest().files).toContain("dist");
    expect(manifest().files).not.toContain("src");
  });
});

/** Environment variables the shipped program reads by name. One more is one more switch to review. */
const ENVIRONMENT: readonly string[] = [];

describe("no switch turns authentication off", () => {
  const running = files.filter(
    (path) => /^(src|bin|examples)\/.*\.(ts|js|json|jsonc)$/.test(path) && !isTest(path),
  );

  it("by a name that says so", () => {
    const words =
      "auth|authn|authentication|verification|verify|dpop|proof|proofs|signature|signatures|tls|policy|policies";
    const off = `(?:no|skip|disable|disabled|without|bypass|ignore|insecure|unsafe)[-_]?(?:${words})`;
    const on = `(?:${words})[-_]?(?:off|disabled|optional|bypass)`;
    // Only where a name could be read from outside: flags, keys and quoted words.
    const name = new RegExp(`["'\`\\s](?:--)?(?:${off}|${on})["'\`:=\\s?]`, "i");
    const found = running.flatMap((path) =>
      read(path)
        .split("\n")
        .filter((line) => !/^\s*(?:\/?\*|\/\/)/.test(line) && name.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    );
    expect(found).toEqual([]);
    expect('"skipVerify":').toMatch(name);
    expect(" --no-auth ").toMatch(name);
  });

  it("by an environment variable nobody listed", () => {
    const read_ = shipped.flatMap((path) =>
      [...read(path).matchAll(/process\.env(?:\.(\w+)|\[\s*["'`](\w+)["'`]\s*\])/g)].map(
        ([, dotted, quoted]) => dotted ?? quoted!,
      ),
    );
    expect([...new Set(read_)].sort()).toEqual(ENVIRONMENT);
  });

  it("by looking at how the program was started", () => {
    const peeking = shipped.filter((path) => /NODE_ENV|VITEST|process\.execArgv/.test(read(path)));
    expect(peeking).toEqual([]);
  });
});

describe("no shell", () => {
  it("reads what Postern runs: a program and its arguments, nothing else", () => {
    const imported = /import \{([^}]*)\} from "(?:node:)?child_process"/g;
    const names = shipped.flatMap((path) =>
      [...read(path).matchAll(imported)].flatMap(([, list = ""]) =>
        list.split(",").map(
          (one) =>
            one
              .replace(/^\s*type\s+/, "")
              .trim()
              .split(" ")[0]!,
        ),
      ),
    );
    const allowed = ["ChildProcess", "execFile", "execFileSync", "spawn"];
    expect(names.filter((name) => name !== "" && !allowed.includes(name))).toEqual([]);
    expect(names).toContain("execFile");
    const other =
      /child_process(?!")|["']child_process["']\s*\)|\* as \w+ from "node:child_process"/;
    const shell = /\bshell:(?!\s*false\b)|\bshell\s*[,}]/;
    const found = shipped.filter((path) => other.test(read(path)) || shell.test(read(path)));
    expect(found).toEqual([]);
    for (const line of ["shell: true", "shell: '/bin/sh'", "{ shell }"])
      expect(line).toMatch(shell);
    expect('import * as cp from "node:child_process"').toMatch(other);
    expect("require('child_process')").toMatch(other);
  });
});

describe("the sources", () => {
  const text = files.filter(
    (path) => !/\.(png|ico|woff2|gz)$/.test(path) && path !== "test/boundaries.test.ts",
  );

  it("name no machine they were written on, and no registry", () => {
    const foreign = /(?:^|[\s"'`(=])\/(?:work|root|Users\/\w+)\/|registry\.\w+\.\w+|\.\.\/shared/;
    const found = text
      // Vectors made by others lie beside the clone where there are any.
      .filter((path) => !path.startsWith("test/vectors/"))
      .filter((path) => foreign.test(read(path)));
    expect(found).toEqual([]);
  });

  it("have no test left out, no type silenced, nothing put off", () => {
    const patterns = [
      /\b(?:it|test|describe)\.(?:skip|only|todo)\(/,
      /@ts-(?:ignore|nocheck)/,
      /\b(?:TODO|FIXME|XXX)\b/,
    ];
    const found = modules
      .filter((path) => path !== "test/boundaries.test.ts")
      .flatMap((path) =>
        patterns
          .filter((pattern) => pattern.test(read(path)))
          .map((pattern) => `${path} ${pattern}`),
      );
    expect(found).toEqual([]);
  });
});
