#![no_main]

#[expect(dead_code, reason = "one of several targets")]
#[path = "../../server/tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|input: &[u8]| targets::event(input));
