declare const BUILD_VERSION: string
declare const BUILD_REVISION: string
declare const BUILD_DATE: string

/** What this program is, set at build; a run from source says so. */
export const BUILD = {
  version: typeof BUILD_VERSION === 'undefined' ? '0.0.0-dev' : BUILD_VERSION,
  revision: typeof BUILD_REVISION === 'undefined' ? 'source' : BUILD_REVISION,
  date: typeof BUILD_DATE === 'undefined' ? 'unknown' : BUILD_DATE,
} as const

/** The line that `--version` prints. */
export const versionLine = `fjmcp-broker ${BUILD.version} (rev ${BUILD.revision}, built ${BUILD.date})`
