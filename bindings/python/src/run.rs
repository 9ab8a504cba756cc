//! Work without the interpreter lock, under the eyes of a thread that can
//! still be interrupted.

use crate::error;
use privity_core::Cancel;
use privity_joint as joint;
use pyo3::prelude::*;
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

/// How often the calling thread looks at signals and progress.
const POLL: Duration = Duration::from_millis(50);

/// Runs `work` in a thread of its own. Meanwhile, every [`POLL`], the calling
/// thread lets Python handle signals and calls `poll`; when either raises,
/// `cancel` is raised too, the work is waited for, and the exception goes up.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    cancel: &Cancel,
    poll: impl Fn(Python<'_>) -> PyResult<()> + Sync,
    work: impl FnOnce() -> joint::Result<T> + Send,
) -> PyResult<T> {
    let (sender, receiver) = sync_channel(1);
    let poll = &poll;
    let end = py.detach(move || {
        thread::scope(|scope| {
            let run = move || {
                // The receiver outlives the scope.
                let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
            };
            match thread::Builder::new().name("privity".into()).spawn_scoped(scope, run) {
                Ok(_) => wait(&receiver, poll, cancel),
                Err(e) => End::Broken(format!("the system refused a thread: {e}")),
            }
        })
    });
    let value = finish(py, end)?;
    // Whatever was reported since the last look.
    poll(py)?;
    Ok(value)
}

/// How the wait for a thread ended.
enum End<T> {
    Done(T),
    Raised(PyErr),
    Panicked(Box<dyn Any + Send>),
    Broken(String),
}

/// Waits for the thread, and for its end also after an exception.
fn wait<T>(
    receiver: &Receiver<thread::Result<T>>,
    poll: &impl Fn(Python<'_>) -> PyResult<()>,
    cancel: &Cancel,
) -> End<T> {
    let mut raised = None;
    loop {
        let end = match receiver.recv_timeout(POLL) {
            Ok(Ok(value)) => End::Done(value),
            Ok(Err(panic)) => End::Panicked(panic),
            Err(RecvTimeoutError::Disconnected) => End::Broken("a worker thread vanished".into()),
            Err(RecvTimeoutError::Timeout) => {
                if raised.is_none() {
                    raised = Python::attach(|py| py.check_signals().and_then(|()| poll(py))).err();
                    if raised.is_some() {
                        cancel.cancel();
                    }
                }
                continue;
            }
        };
        return raised.map_or(end, End::Raised);
    }
}

fn finish<T>(py: Python<'_>, end: End<joint::Result<T>>) -> PyResult<T> {
    match end {
        End::Done(result) => result.map_err(|e| error::to_py(py, e)),
        End::Raised(e) => Err(e),
        End::Panicked(panic) => Err(error::internal(py, &error::panic_text(&*panic))),
        End::Broken(reason) => Err(error::internal(py, &reason)),
    }
}
