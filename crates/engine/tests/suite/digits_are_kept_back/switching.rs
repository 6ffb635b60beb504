//! Secure input goes on and off in mid-call: nothing of what is said is missing or doubled, and nothing clicks.
