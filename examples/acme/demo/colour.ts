import picocolors from "picocolors";

/** Only on a terminal: picocolors alone would colour a file, too, wherever `CI` is set. */
export const pc = picocolors.createColors(
  process.stdout.isTTY === true && picocolors.isColorSupported,
);
