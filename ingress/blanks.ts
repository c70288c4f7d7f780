/**
 * Without the white space that may surround a member of a header (RFC 9110, 5.6.3): blanks and tabs, nothing
 * else.
 */
export const trimBlanks = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '')
