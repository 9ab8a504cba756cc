//! Three parties with files of their own, over mutual TLS on this machine.

use crate::{data::customers, program::risk};
use privity_joint::{Error, Opened, Session, audit};
use privity_net::Identity;
use std::{fs, net::TcpListener, path::PathBuf, thread};

/// A folder with keys, policies and one `party.toml` per party.
struct Folder(PathBuf);

const NAMES: [&str; 3] = ["alpha", "beta", "bureau"];

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("privity-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        // Ports that are free now; nobody else is likely to take them at once.
        let listeners: Vec<TcpListener> =
            NAMES.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let mut list = String::new();
        for (name, listener) in NAMES.iter().zip(&listeners) {
            let identity = Identity::generate().unwrap();
            identity.save(path.join(format!("{name}.key"))).unwrap();
            let owner = if *name == "bureau" { "" } else { "\"owner\", " };
            list += &format!(
                "[[party]]\nname = \"{name}\"\nroles = [{owner}\"compute\", \"recipient\"]\n\
                 address = \"{}\"\npin = \"{}\"\n",
                listener.local_addr().unwrap(),
                identity.fingerprint()
            );
        }
        let allow = "min_rows = 1\nmin_cell = 0\n[[allow]]\noperation = \"*\"\nwhat = [\"*\"]\n\
                     columns = [\"*\"]\nto = [\"*\"]\n";
        fs::write(path.join("policy.toml"), allow).unwrap();
        for name in NAMES {
            let head = format!(
                "session = \"test\"\nname = \"{name}\"\nkey = \"{name}.key\"\n\
                 policy = \"policy.toml\"\naudit = \"{name}.jsonl\"\ntimeout = 10\n\
                 connect_timeout = 10\n"
            );
            fs::write(path.join(format!("{name}.toml")), head + &list).unwrap();
        }
        Self(path)
    }

    /// Everybody's result of `program`.
    fn run<T: Send>(&self, program: impl Fn(privity_joint::Result<Session>) -> T + Sync) -> Vec<T> {
        thread::scope(|scope| {
            let threads: Vec<_> = NAMES
                .iter()
                .map(|name| {
                    let file = self.0.join(format!("{name}.toml"));
                    let program = &program;
                    scope.spawn(move || program(Session::open(&file)))
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn three_institutions_over_tls() {
    let all = customers(200, 30);
    let folder = Folder::new("tls");
    for round in 1..=2u64 {
        let results = folder.run(|session| {
            let mut s = session.unwrap();
            let own = match s.name() {
                "alpha" => Some(all.alpha()),
                "beta" => Some(all.beta()),
                _ => None,
            };
            let results = risk(&mut s, own).unwrap();
            s.close().unwrap();
            results
        });
        for r in &results {
            assert!(matches!(&r.metrics, Some(Opened::Metrics { auc: Some(a), .. }) if *a > 0.5));
        }
        for name in NAMES {
            // open, two lines for each of thirteen operations, close
            let found = audit::verify(&folder.0.join(format!("{name}.jsonl"))).unwrap();
            assert_eq!(found.lines, round * 28);
            let record = fs::read_to_string(folder.0.join(format!("{name}.jsonl"))).unwrap();
            let first = record.lines().next().unwrap();
            let keys = first.matches("\"key\":\"sha256:").count();
            assert!(keys == 3 && NAMES.iter().all(|n| first.contains(n)), "{first}");
        }
    }
}

#[test]
fn roles_must_be_the_same_everywhere() {
    let folder = Folder::new("roles");
    let file = folder.0.join("beta.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("[\"owner\", ", "[", 1)).unwrap();
    let errors = folder.run(|session| match session {
        Err(error) => error,
        Ok(_) => panic!("it opened"),
    });
    // Whoever meets a peer after that one gave up can only say that it is gone.
    let told = errors.iter().any(|error| match error {
        Error::Net(e) => matches!(**e, privity_net::Error::Mismatch { .. }),
        _ => false,
    });
    assert!(told, "{errors:?}");
    for error in &errors {
        assert!(matches!(error, Error::Net(_) | Error::Core(_)), "{error}");
        assert!(!error.culprits().is_empty(), "{error}");
    }
}
