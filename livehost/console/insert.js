// A line for the host to say. What the review doubts is told first.

import { api } from "./api.js";
import { toast } from "./toast.js";
import { w } from "./words.js";

// Has a line said. What the review doubts is told, and said once the same line is sent again: gives those doubts, or "".
export async function spokenOrDoubted(room, text, urgent, confirmed) {
  try {
    await api.speak(room, text, urgent, confirmed);
    return "";
  } catch (error) {
    if (!error.confirm) throw error;
    toast(w("confirm_again"), "care", error.message);
    return error.message;
  }
}
