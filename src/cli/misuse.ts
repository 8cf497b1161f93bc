/** A command that cannot be understood; the message says why. */
export class Misuse extends Error {}
