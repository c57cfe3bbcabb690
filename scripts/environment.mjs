/** The Vulkan driver in software (SwiftShader) that Debian's `chromium` brings. */
export const softwareVulkan = "/usr/lib/chromium/vk_swiftshader_icd.json";
