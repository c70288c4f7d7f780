import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'

/** Starts the real Chromium that tests are provided with, see `provision.mjs`; a fresh profile each time. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['HOOKLET_CHROMIUM'] ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
