//! A pipe whose reader has gone ends a program, and is no fault to be told: `mediapoint-tools codec list | head -1`.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;

/// Runs a program. Where printing fails for want of a reader it ends there, quietly, with what it holds dropped in order.
pub(crate) fn run(program: impl FnOnce() -> ExitCode) -> ExitCode {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !is_broken_pipe(panic.payload()) {
            usual(panic);
        }
    }));
    catch_unwind(AssertUnwindSafe(program)).unwrap_or_else(|payload| match is_broken_pipe(&*payload) {
        true => ExitCode::SUCCESS,
        false => resume_unwind(payload),
    })
}

/// What `print` and its like panic with.
fn is_broken_pipe(payload: &(dyn Any + Send)) -> bool {
    let text = payload.downcast_ref::<String>().map(String::as_str).unwrap_or_default();
    text.starts_with("failed printing to std") && text.contains("Broken pipe")
}
