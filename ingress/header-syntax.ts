/** What HTTP's headers are made of. */

/**
 * Without the white space that may surround a member of a header (RFC 9110, 5.6.3): blanks and tabs, nothing
 * else.
 */
export const trimBlanks = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '')

/** Whether it is a token (RFC 9110, 5.6.2): the name of a header, of a method, of a subprotocol. */
export const isToken = (text: string): boolean => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)
