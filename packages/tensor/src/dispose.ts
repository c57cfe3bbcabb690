/** `Symbol.dispose`, also where the engine has none yet and the compiled `using` looks for the registered symbol. */
export const dispose: typeof Symbol.dispose = Symbol.dispose ?? (Symbol.for("Symbol.dispose") as typeof Symbol.dispose);
