/** The version of this program, as the API's document and the command line tell it. */
export const VERSION = "0.1.0";
