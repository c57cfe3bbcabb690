#!/usr/bin/env node
// in the tree before anything is built, so that npm can link the command when it installs
await import("../dist/main.js");
