import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PAGE_CLASSES, type Page, type PageClass } from "./page.ts";
import { split } from "./split.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const HANDBOOKS = join(import.meta.dirname, "handbooks");

/** Longer sections are cut: an index finds the beginning as well. */
const MAX_PAGE_CHARS = 4_000;
/** A single large README is not to be most of the library. */
const MAX_PAGES_A_PACKAGE = 12;

/**
 * Acme's library, read from what lies around: its own handbooks and those of Globex, which shares the
 * service; Postern's documentation; and that of the packages Postern is made with.
 */
export function pages(): readonly Page[] {
  return [...handbooks(), ...posternDocs(), ...packageDocs()];
}

/** `handbooks/<tenant>/<class>/<name>.md` */
function handbooks(): readonly Page[] {
  return folders(HANDBOOKS).flatMap((tenant) =>
    PAGE_CLASSES.flatMap((pageClass) => {
      const folder = join(HANDBOOKS, tenant, pageClass.replace("document.", ""));
      return markdownIn(folder).flatMap((name) =>
        pagesOf(`${tenant}-handbook/${name}`, join(folder, `${name}.md`), tenant, pageClass),
      );
    }),
  );
}

function posternDocs(): readonly Page[] {
  return ["", "protocol", "decisions"].flatMap((part) => {
    const folder = join(ROOT, "docs", part);
    return markdownIn(folder).flatMap((name) =>
      pagesOf(join("postern", part, name), join(folder, `${name}.md`), "acme", "document.public"),
    );
  });
}

/** Those that Postern names itself: what they bring along differs between machines. */
function packageDocs(): readonly Page[] {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(join(ROOT, "package.json"), "utf8"),
  ) as {
    readonly [kind in "dependencies" | "devDependencies"]: { readonly [name: string]: string };
  };
  const names = Object.keys({ ...dependencies, ...devDependencies }).sort();
  return names.flatMap((name) => {
    const file = join(ROOT, "node_modules", name, "README.md");
    if (!existsSync(file)) return [];
    return pagesOf(`packages/${name}`, file, "acme", "document.public").slice(
      0,
      MAX_PAGES_A_PACKAGE,
    );
  });
}

function pagesOf(id: string, file: string, tenant: string, pageClass: PageClass): readonly Page[] {
  const markdown = readFileSync(file, "utf8");
  const document = /^#\s+(.+)$/m.exec(markdown)?.[1] ?? id;
  return split(markdown, MAX_PAGE_CHARS).map(({ anchor, heading, text }) => ({
    id: `${id}#${anchor}`,
    title: heading === document ? heading : `${document}: ${heading}`,
    text,
    tenant,
    class: pageClass,
  }));
}

function markdownIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".md"))
    .map((name) => name.slice(0, -3))
    .sort();
}

/** In a fixed order, whatever the file system says. */
function folders(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .sort();
}
