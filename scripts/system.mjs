/** What the tests need of the system beyond Node: a browser, and Vulkan in software for WebGPU, of two makes. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The Vulkan driver in software (SwiftShader) that Debian's `chromium` brings. */
export const softwareVulkan = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** The other one (llvmpipe), of Mesa, which Deno's own WebGPU takes; the file's name has the kind of processor. */
export function mesaVulkan() {
  const folder = "/usr/share/vulkan/icd.d";
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return join(folder, names.find((name) => /^lvp_icd\b.*\.json$/.test(name)) ?? "lvp_icd.json");
}

/** The browser that the tests drive. */
export const chromium = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";

const vulkanLoader = /libvulkan\.so\.1\b/;

/** Debian packages that the tests want and this machine lacks. */
export function missingPackages() {
  const missing = [];
  if (!existsSync(chromium)) missing.push("chromium");
  if (!existsSync(mesaVulkan())) missing.push("mesa-vulkan-drivers");
  const { stdout } = spawnSync("/sbin/ldconfig", ["-p"], { encoding: "utf8" });
  if (!vulkanLoader.test(stdout ?? "")) missing.push("libvulkan1");
  return missing;
}

/**
 * Installs Debian packages, where this is Debian or Ubuntu and we may; otherwise says what to install.
 *
 * @param {string[]} packages
 * @param {(message: string) => void} say
 */
export function installPackages(packages, say) {
  const names = packages.join(" ");
  const isDebian =
    existsSync("/etc/os-release") && /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync("/etc/os-release", "utf8"));
  if (!isDebian || process.getuid?.() !== 0) {
    say(`the WebGPU and browser tests need ${names}; on Debian or Ubuntu: sudo apt-get install ${names}`);
    return;
  }
  say(`installing ${names}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  spawnSync("apt-get", ["update", "-qq"], { env, stdio: ["ignore", 2, 2] });
  const args = ["install", "-y", "-qq", "--no-install-recommends", ...packages];
  const { status } = spawnSync("apt-get", args, { env, stdio: ["ignore", "ignore", 2] });
  if (status !== 0) say(`Cannot install ${names}: apt-get ended with code ${status}`);
}
