/** What only some models need of the dense ops: the names under which a device loads the kernels for it. */
export type OpsPart = "attention" | "gelu";
