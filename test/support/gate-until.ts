/** Resolves when the condition holds; fails with what was waited for. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, milliseconds = 30_000): Promise<void> {
  for (const deadline = Date.now() + milliseconds; !(await condition());) {
    if (Date.now() > deadline) throw new Error(`${what}: did not come in ${milliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
