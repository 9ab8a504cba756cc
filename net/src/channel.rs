//! [`Channel`] over a [`Link`].

use crate::{
    frame::Frame,
    link::{Link, Party, Stream},
};
use privity_core::{
    Channel, Error, PartyName, Result,
    channel::{MAX_MESSAGE, fork_id},
};
use std::{sync::Arc, time::Duration};

/// One end of one stream.
pub(crate) struct NetChannel {
    handle: Arc<Handle>,
    id: u64,
    stream: Arc<Stream>,
    sent: u64,
    received: u64,
    forks: u64,
    timeout: Duration,
    poison: Option<Error>,
}

/// Shared by all channels of a link; the last of them closes it.
struct Handle {
    link: Arc<Link>,
    party: Arc<Party>,
}

impl NetChannel {
    /// The root channel of a link, to be made once.
    pub(crate) fn root(link: Arc<Link>, party: Arc<Party>, timeout: Duration) -> Result<Self> {
        Self::open(Arc::new(Handle { link, party }), ROOT, timeout)
    }

    /// A second channel beside the root, for the setting-up of sessions.
    pub(crate) fn beside(&self, id: u64) -> Result<Self> {
        Self::open(self.handle.clone(), id, self.timeout)
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.handle.link
    }

    /// [`Channel::recv`] without poison: `None` when nothing came in time.
    pub(crate) fn poll(&mut self, patience: Duration) -> Result<Option<Vec<u8>>> {
        let cancel = &self.handle.party.cancel;
        let message = self.handle.link.recv(&self.stream, self.received, patience, cancel)?;
        self.received += u64::from(message.is_some());
        Ok(message)
    }

    fn open(handle: Arc<Handle>, id: u64, timeout: Duration) -> Result<Self> {
        let stream = handle
            .link
            .open(id)
            .ok_or(Error::Internal("two channels of one link have the same id"))?;
        Ok(Self { handle, id, stream, sent: 0, received: 0, forks: 0, timeout, poison: None })
    }

    fn sound(&self) -> Result<()> {
        self.poison.clone().map_or(Ok(()), Err)
    }

    /// Remembers a failure, and tells it to the other peers when this party
    /// stops.
    fn keep<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(e) = &result {
            self.poison = Some(e.clone());
            self.handle.party.blame(|| describe(e));
        }
        result
    }
}

impl Channel for NetChannel {
    fn send(&mut self, message: Vec<u8>) -> Result<()> {
        if message.len() > MAX_MESSAGE {
            return Err(Error::Argument(format!(
                "a message of {} bytes exceeds the limit of {MAX_MESSAGE}",
                message.len()
            )));
        }
        self.sound()?;
        let frame = Frame::data(self.id, message);
        let Handle { link, party } = &*self.handle;
        let result = link.send(frame, self.sent, self.timeout, &party.cancel);
        self.sent += 1;
        self.keep(result)
    }

    fn recv(&mut self, max: usize) -> Result<Vec<u8>> {
        self.sound()?;
        let result = match self.poll(self.timeout) {
            Ok(Some(message)) if message.len() > max => Err(Error::Deviation {
                peer: self.peer().clone(),
                during: String::new(),
                rule: format!(
                    "it sent a message of {} bytes where at most {max} are allowed",
                    message.len()
                ),
            }),
            Ok(Some(message)) => return Ok(message),
            Ok(None) => Err(self.handle.link.timeout(self.timeout)),
            Err(e) => Err(e),
        };
        self.keep(result)
    }

    fn fork(&mut self, label: &str) -> Result<Box<dyn Channel>> {
        self.sound()?;
        let id = fork_id(self.id, label, self.forks);
        self.forks += 1;
        Ok(Box::new(Self::open(self.handle.clone(), id, self.timeout)?))
    }

    fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    fn peer(&self) -> &PartyName {
        self.handle.link.peer()
    }
}

impl Drop for NetChannel {
    fn drop(&mut self) {
        self.handle.link.end(self.id, self.sent, &self.handle.party);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.link.close(&self.party);
    }
}

/// An error in the few words of a farewell. The step is not known here.
fn describe(error: &Error) -> String {
    match error {
        Error::Timeout { peer, after, .. } => format!("party '{peer}' sent nothing for {after:?}"),
        Error::Disconnected { peer, reason, .. } => format!("lost party '{peer}': {reason}"),
        Error::Deviation { peer, rule, .. } => format!("party '{peer}' deviated: {rule}"),
        Error::Cancelled { .. } => "it was cancelled".into(),
        other => other.to_string(),
    }
}

const ROOT: u64 = 0;
