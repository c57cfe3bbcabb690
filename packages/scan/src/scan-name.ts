/** What layers of models recur by: the names under which a device loads the kernels for it. */
export type ScanName = "causal-conv1d" | "selective-scan" | "ssd" | "mamba3" | "lti" | "rnn" | "gru";
