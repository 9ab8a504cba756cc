//! `privity init`, `privity doctor` and `privity audit`: what one party does
//! before and after a run.

use crate::Failure;
use clap::{Args, Subcommand};
use privity_joint::{PartyFile, Policy, Session, audit};
use privity_net::{Fingerprint, Identity};
use std::{
    fs,
    net::{TcpListener, TcpStream, ToSocketAddrs},
    path::{Path, PathBuf},
    time::Duration,
};

/// Options of `privity init`.
#[derive(Args)]
#[command(after_help = "Example: privity init alpha --address alpha.example:7001 --folder alpha")]
pub(crate) struct Init {
    /// This party's name
    name: String,
    /// host:port at which the others reach it
    #[arg(long)]
    address: String,
    /// Folder for key.pem, party.toml and policy.toml
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

/// Options of `privity doctor`.
#[derive(Args)]
#[command(after_help = "Example: privity doctor party.toml --connect")]
pub(crate) struct Doctor {
    /// The file that describes the session
    file: PathBuf,
    /// Open the session too; every other party must do so at the same time
    #[arg(long)]
    connect: bool,
}

/// What `privity audit` does.
#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Check that a record is whole: every line carries the hash of the one before
    Verify {
        /// The record
        file: PathBuf,
        /// The head that was kept after the last session; without it a cut end
        /// cannot be seen
        #[arg(long)]
        head: Option<String>,
    },
}

/// Makes a key and files to fill in. Never overwrites anything.
#[allow(clippy::print_stdout)] // the command's output
pub(crate) fn init(args: &Init) -> Result<(), Failure> {
    let Init { name, address, folder } = args;
    fs::create_dir_all(folder)?;
    for file in ["party.toml", "policy.toml"] {
        if folder.join(file).exists() {
            return Err(
                format!("{} exists; choose another --folder", folder.join(file).display()).into()
            );
        }
    }
    let identity = Identity::generate()?;
    identity.save(folder.join("key.pem"))?;
    let pin = identity.fingerprint();
    let party = format!(
        "session = \"choose-a-name\"       # the same at all parties\n\
         name = \"{name}\"\nkey = \"key.pem\"\npolicy = \"policy.toml\"\naudit = \"audit.jsonl\"\n\n\
         # All parties, in the same order in everybody's file.\n\
         [[party]]\nname = \"{name}\"\nroles = [\"owner\", \"compute\", \"recipient\"]\n\
         address = \"{address}\"\npin = \"{pin}\"\n\n\
         # [[party]]\n# name = \"...\"\n# roles = [\"compute\"]\n# address = \"host:port\"\n# pin = \"sha256:...\"\n"
    );
    fs::write(folder.join("party.toml"), party)?;
    fs::write(
        folder.join("policy.toml"),
        "# Nothing is allowed unless a rule says so. See docs/python.md.\n",
    )?;
    println!("{}: private key; it never leaves this machine", folder.join("key.pem").display());
    println!("{}: add the other parties", folder.join("party.toml").display());
    println!("{}: say what may be done with your data", folder.join("policy.toml").display());
    println!(
        "send the others, over a path they trust:\n  name    {name}\n  address {address}\n  pin     {pin}"
    );
    Ok(())
}

/// Checks everything that can be wrong before a run, one line each.
pub(crate) fn doctor(args: &Doctor) -> Result<(), Failure> {
    let mut report = Report { failed: 0 };
    let file = PartyFile::load(&args.file)?;
    report.good(&format!(
        "{}: {} parties, this one is '{}'",
        args.file.display(),
        file.parties.len(),
        file.name
    ));
    if let Some(policy) =
        report.check(&format!("policy {}", file.policy.display()), Policy::load(&file.policy))
    {
        drop(policy);
    }
    if file.audit.exists() {
        report.check(&format!("record {}", file.audit.display()), audit::verify(&file.audit));
    }
    let identity = report.check(&format!("key {}", file.key.display()), Identity::load(&file.key));
    for peer in &file.parties {
        let pin = report.check(&format!("pin of '{}'", peer.name), peer.pin.parse::<Fingerprint>());
        let mine = peer.name == file.name;
        if let (true, Some(pin), Some(identity)) = (mine, pin, &identity) {
            let own = identity.fingerprint();
            if pin != own {
                report.bad(&format!("the key's fingerprint is {own}, the file says {pin}: correct the pin here and at the peers"));
            }
        }
    }
    for (i, peer) in file.parties.iter().enumerate() {
        if peer.name == file.name {
            let listen = file.listen.as_deref().unwrap_or(&peer.address);
            // The last party dials all others and does not listen.
            if i + 1 < file.parties.len() {
                report.check(&format!("listening at {listen}"), TcpListener::bind(listen));
            }
        } else if i + 1 < file.parties.len() {
            match reach(&peer.address) {
                Ok(true) => report.good(&format!("'{}' answers at {}", peer.name, peer.address)),
                Ok(false) => report.good(&format!(
                    "the machine of '{}' is there; nothing listens at {} yet, as is usual before a session",
                    peer.name, peer.address
                )),
                Err(e) => report.bad(&format!("reaching '{}' at {}: {e}", peer.name, peer.address)),
            }
        } else {
            report.good(&format!("'{}' will connect to this party; not checked", peer.name));
        }
    }
    for (what, possible) in uses(&file, &args.file) {
        match possible {
            Ok(()) => report.good(&format!("{what}: possible with these parties")),
            Err(why) => report.note(&format!("{what}: not possible with these parties: {why}")),
        }
    }
    if args.connect {
        let opened = Session::open(&args.file).and_then(Session::close);
        report.check("a session with all peers", opened);
    }
    match report.failed {
        0 => Ok(()),
        n => Err(format!("{n} of the checks failed").into()),
    }
}

/// What these parties can do with one another, and why not otherwise.
fn uses(file: &PartyFile, path: &Path) -> [(&'static str, Result<(), String>); 2] {
    let alone = || format!("{}: there is no other party; add a [[party]] for it", path.display());
    let compare = if file.parties.len() < 2 { Err(alone()) } else { Ok(()) };
    let session = file.check_session(path).map_err(|e| e.to_string());
    [("comparing tables (privity psi)", compare), ("computing on them (a session)", session)]
}

/// Whether somebody answers at an address. A peer that has not started yet
/// refuses, which shows at least that its machine is there.
fn reach(address: &str) -> std::io::Result<bool> {
    let mut last = std::io::Error::other("the name resolves to no address");
    for candidate in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&candidate, Duration::from_secs(5)) {
            Ok(_) => return Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => return Ok(false),
            Err(e) => last = e,
        }
    }
    Err(last)
}

struct Report {
    failed: usize,
}

#[allow(clippy::print_stdout)] // the command's output
impl Report {
    fn good(&mut self, what: &str) {
        println!("ok      {what}");
    }

    /// What is no mistake, but good to know.
    fn note(&mut self, what: &str) {
        println!("note    {what}");
    }

    fn bad(&mut self, what: &str) {
        self.failed += 1;
        println!("FAILED  {what}");
    }

    fn check<T, E: std::fmt::Display>(&mut self, what: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => {
                self.good(what);
                Some(value)
            }
            Err(e) => {
                self.bad(&format!("{what}: {e}"));
                None
            }
        }
    }
}

/// `privity audit verify`.
pub(crate) fn verify(file: &Path, head: Option<&str>) -> Result<(), Failure> {
    let found = audit::verify(file)?;
    if found.lines == 0 {
        return Err(format!("{} is empty: there is no record in it", file.display()).into());
    }
    if let Some(head) = head.filter(|head| *head != found.head) {
        return Err(format!(
            "{} ends in {}, not in {head}: lines were removed from its end, or added",
            file.display(),
            found.head
        )
        .into());
    }
    Report { failed: 0 }.good(&format!(
        "{}: {} lines, head {}",
        file.display(),
        found.lines,
        found.head
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doctor_says_what_these_parties_can_do() {
        let folder = std::env::temp_dir().join(format!("privity-doctor-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("party.toml");
        for (parties, compare, session) in
            [(1, false, false), (2, true, false), (3, true, true), (4, true, false)]
        {
            let mut text = "session = \"s\"\nname = \"p0\"\nkey = \"k\"\npolicy = \"p\"\n\
                            audit = \"a\"\n"
                .to_owned();
            for i in 0..parties {
                text += &format!(
                    "[[party]]\nname = \"p{i}\"\nroles = [\"owner\", \"compute\"]\n\
                     address = \"127.0.0.1:1\"\npin = \"sha256:{i}\"\n"
                );
            }
            fs::write(&path, text).unwrap();
            let file = PartyFile::load(&path).unwrap();
            let [(_, compared), (_, computed)] = uses(&file, &path);
            assert_eq!((compared.is_ok(), computed.is_ok()), (compare, session), "{parties}");
            if let Err(why) = computed {
                assert!(why.contains(&format!("{parties} parties compute")), "{why}");
                assert!(why.contains("exactly three"), "{why}");
            }
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
