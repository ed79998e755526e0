import picocolors from "picocolors";

/** picocolors alone would colour a file, too, wherever `CI` is set; NO_COLOR it honours. */
export function coloursFor(
  stream: { readonly isTTY?: boolean },
  supported: boolean = picocolors.isColorSupported,
): ReturnType<typeof picocolors.createColors> {
  return picocolors.createColors(stream.isTTY === true && supported);
}
