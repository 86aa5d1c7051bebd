/** What the service waits for. Each part of it that depends on the outside sets its own name. */
export class Readiness {
  private readonly waiting = new Map<string, string>();

  /** @param waitingFor what `name` waits for, in words for a person, or null when it waits no longer */
  set(name: string, waitingFor: string | null): void {
    if (waitingFor === null) this.waiting.delete(name);
    else this.waiting.set(name, waitingFor);
  }

  get ready(): boolean {
    return this.waiting.size === 0;
  }

  /** The body of /health/ready. */
  status(): { ready: boolean; waitingFor: Record<string, string> } {
    return { ready: this.ready, waitingFor: Object.fromEntries(this.waiting) };
  }
}
