//! All parties of a computation as threads of this process: for tests, benches
//! and learning.

use privity_core::{Error, Mesh, Result};

/// Meshes over memory channels for `parties` parties.
pub fn meshes(parties: usize) -> Result<Vec<Mesh>> {
    let names: Vec<String> = (0..parties).map(|i| format!("party {i}")).collect();
    Mesh::in_memory(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Runs `party` over each mesh, one thread each; their results, party 0 first.
/// If some fail, the error of the one that stopped first.
pub fn run_over<T: Send>(
    meshes: Vec<Mesh>,
    party: impl Fn(Mesh) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let party = &party;
    let results: Vec<Result<T>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            meshes.into_iter().map(|mesh| scope.spawn(move || party(mesh))).collect();
        threads
            .into_iter()
            .map(|t| t.join().unwrap_or(Err(Error::Internal("a party's thread panicked"))))
            .collect()
    });
    let mut done = Vec::with_capacity(results.len());
    let mut first = None;
    for result in results {
        match result {
            Ok(value) => done.push(value),
            // A party that lost its peer says less than the one that stopped first.
            Err(e) if first.is_none() || !matches!(e, Error::Disconnected { .. }) => {
                first = Some(e);
            }
            Err(_) => {}
        }
    }
    first.map_or(Ok(done), Err)
}
