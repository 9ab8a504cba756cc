//! Oblivious transfer, both parties in this process on all its cores: over
//! memory channels and over loopback TCP (without TLS, which is measured
//! elsewhere). The setup with base OTs happens once, outside the clock.
#![allow(missing_docs, clippy::expect_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use privity_core::{
    Mesh, Result,
    ot::{
        Receiver, Security, Sender, base, correlated,
        extension::{CotReceiver, CotSender},
        one_of_n, random,
    },
    vole::{
        Code, VoleReceiver, VoleSender,
        silent::{SilentReceiver, SilentSender},
    },
};
use std::{
    hint::black_box,
    sync::mpsc::{Receiver as Inbox, Sender as Outbox, channel},
    time::Duration,
};

// What the command line ships with: freed pages are used again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const M: usize = 1 << 20;

#[derive(Clone, Copy, Debug)]
enum Link {
    Memory,
    Tcp,
}

fn meshes(link: Link) -> [Mesh; 2] {
    let names = ["ann", "ben"];
    let meshes = match link {
        Link::Memory => Mesh::in_memory(&names).expect("names"),
        Link::Tcp => privity_net::plain_loopback_mesh_for_benchmarks(&names, 1).expect("loopback"),
    };
    meshes.try_into().expect("two")
}

/// Both parties set up with `one` and `two`, then repeat one operation each
/// when told to.
fn bench<A, B>(
    c: &mut Criterion,
    (group, name): (&str, &str),
    (link, elements): (Link, usize),
    one: impl Fn(&mut Mesh) -> Result<A> + Send,
    two: impl Fn(&mut Mesh) -> Result<B> + Send,
    step_one: impl Fn(&mut A, &mut Mesh) -> Result<()> + Send,
    step_two: impl Fn(&mut B, &mut Mesh) -> Result<()> + Send,
) {
    let [mut ann, mut ben] = meshes(link);
    let mut group = c.benchmark_group(group);
    group.sample_size(10).measurement_time(Duration::from_secs(2));
    group.warm_up_time(Duration::from_millis(500));
    group.throughput(Throughput::Elements(elements as u64));
    let (go_one, wait_one) = channel::<()>();
    let (go_two, wait_two) = channel::<()>();
    let (done_one, end_one) = channel::<()>();
    let (done_two, end_two) = channel::<()>();
    fn party<S>(
        mesh: &mut Mesh,
        setup: impl Fn(&mut Mesh) -> Result<S>,
        step: impl Fn(&mut S, &mut Mesh) -> Result<()>,
        wait: &Inbox<()>,
        done: &Outbox<()>,
    ) {
        let mut state = setup(mesh).expect("honest peer");
        while wait.recv().is_ok() {
            step(&mut state, mesh).expect("honest peer");
            if done.send(()).is_err() {
                break;
            }
        }
    }
    std::thread::scope(|scope| {
        scope.spawn(move || party(&mut ann, one, step_one, &wait_one, &done_one));
        scope.spawn(move || party(&mut ben, two, step_two, &wait_two, &done_two));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                go_one.send(()).expect("running");
                go_two.send(()).expect("running");
                end_one.recv().expect("running");
                end_two.recv().expect("running");
            });
        });
        drop((go_one, go_two));
    });
    group.finish();
}

fn base_ot(c: &mut Criterion) {
    let choices = [true; 128];
    bench(
        c,
        ("base OT", "128, endemic on ristretto255"),
        (Link::Memory, 128),
        |_| Ok(()),
        |_| Ok(()),
        |(), mesh| base::send(mesh, 1, "bench", 128, &mut rand::rng()).map(|k| drop(black_box(k))),
        |(), mesh| {
            base::receive(mesh, 0, "bench", &choices, &mut rand::rng()).map(|k| drop(black_box(k)))
        },
    );
}

/// One operation over rows of SoftSpokenOT.
fn extended(
    c: &mut Criterion,
    group: &str,
    name: &str,
    (link, n, k, security): (Link, usize, usize, Security),
    send: impl Fn(&mut CotSender, &mut Mesh) -> Result<()> + Send,
    receive: impl Fn(&mut CotReceiver, &mut Mesh) -> Result<()> + Send,
) {
    bench(
        c,
        (group, name),
        (link, n),
        |mesh| CotSender::new(mesh, 1, k, security, &mut rand::rng()),
        |mesh| CotReceiver::new(mesh, 0, k, security, &mut rand::rng()),
        send,
        receive,
    );
}

fn extension(c: &mut Criterion) {
    let n = 4 * M;
    let all = [Security::SemiHonest, Security::Malicious];
    for (link, ks) in [(Link::Memory, &[1, 2, 3, 4, 5, 8][..]), (Link::Tcp, &[1, 2, 4])] {
        for security in all {
            for &k in ks {
                extended(
                    c,
                    "random OT, random bits",
                    &format!("{link:?}, {security:?}, k = {k}"),
                    (link, n, k, security),
                    |s, mesh| random::send(s, mesh, n).map(|r| drop(black_box(r))),
                    |r, mesh| random::receive(r, mesh, n).map(|r| drop(black_box(r))),
                );
            }
        }
    }
    for security in all {
        extended(
            c,
            "rows of correlated OT, random bits",
            &format!("Memory, {security:?}, k = 2"),
            (Link::Memory, n, 2, security),
            |s, mesh| s.extend_random(mesh, n).map(|r| drop(black_box(r))),
            |r, mesh| r.extend_random(mesh, n).map(|r| drop(black_box(r))),
        );
    }
}

fn on_top(c: &mut Criterion) {
    let n = M;
    let (x, choices) = (vec![5u64; n], vec![0x1234_5678_9abc_def0u64; n / 64]);
    let gilboa: Vec<u32> = (1..=64).rev().collect();
    for (name, widths) in [("64 bits", &[64][..]), ("64, 63, ..., 1 bits", &gilboa)] {
        extended(
            c,
            "correlated OT over Z_2^64",
            name,
            (Link::Memory, n, 2, Security::SemiHonest),
            |s, mesh| correlated::send(s, mesh, &x, widths).map(|r| drop(black_box(r))),
            |r, mesh| {
                correlated::receive::<u64>(r, mesh, &choices, n, widths).map(|r| drop(black_box(r)))
            },
        );
    }
    for k in [2, 4] {
        extended(
            c,
            "1-of-16 OT, random choices",
            &format!("Memory, SemiHonest, k = {k}"),
            (Link::Memory, n, k, Security::SemiHonest),
            |s, mesh| one_of_n::send::<u8>(s, mesh, 4, n).map(|r| drop(black_box(r))),
            |r, mesh| one_of_n::receive::<u8>(r, mesh, 4, n).map(|r| drop(black_box(r))),
        );
    }
}

fn vole(c: &mut Criterion) {
    let rng = rand::rng;
    for code in [Code::ExConv7x24, Code::ExConv21x24] {
        for security in [Security::SemiHonest, Security::Malicious] {
            for (width, name) in [(128, "GF(2^128)"), (64, "64 bits")] {
                // The second is what PSI of 2^20 items takes.
                for (n, work) in [(M, "VOLE, 2^20"), (M * 13 / 10, "VOLE, 1.3 * 2^20")] {
                    bench(
                        c,
                        (work, &format!("{name}, {code:?}, {security:?}")),
                        (Link::Memory, n),
                        |mesh| VoleSender::new(mesh, 1, code, security, &mut rng()),
                        |mesh| VoleReceiver::new(mesh, 0, code, security, &mut rng()),
                        |s, mesh| s.extend(mesh, n, width).map(|b| drop(black_box(b))),
                        |r, mesh| r.extend::<u128>(mesh, n, width).map(|b| drop(black_box(b))),
                    );
                }
            }
            bench(
                c,
                ("VOLE, 2^20", &format!("4 bits, {code:?}, {security:?}")),
                (Link::Memory, M),
                |mesh| VoleSender::new(mesh, 1, code, security, &mut rng()),
                |mesh| VoleReceiver::new(mesh, 0, code, security, &mut rng()),
                |s, mesh| s.extend(mesh, M, 4).map(|b| drop(black_box(b))),
                |r, mesh| r.extend::<u8>(mesh, M, 4).map(|b| drop(black_box(b))),
            );
            bench(
                c,
                ("silent 1-of-16 OT, 2^20", &format!("Memory, {code:?}, {security:?}")),
                (Link::Memory, M),
                |mesh| SilentSender::new(mesh, 1, (code, 4 * M), security, &mut rng()),
                |mesh| SilentReceiver::new(mesh, 0, (code, 4 * M), security, &mut rng()),
                |s, mesh| one_of_n::send::<u8>(s, mesh, 4, M).map(|b| drop(black_box(b))),
                |r, mesh| one_of_n::receive::<u8>(r, mesh, 4, M).map(|b| drop(black_box(b))),
            );
            for link in [Link::Memory, Link::Tcp] {
                bench(
                    c,
                    ("silent random OT, 2^20", &format!("{link:?}, {code:?}, {security:?}")),
                    (link, M),
                    |mesh| SilentSender::new(mesh, 1, (code, M), security, &mut rng()),
                    |mesh| SilentReceiver::new(mesh, 0, (code, M), security, &mut rng()),
                    |s, mesh| random::send(s, mesh, M).map(|b| drop(black_box(b))),
                    |r, mesh| random::receive(r, mesh, M).map(|b| drop(black_box(b))),
                );
            }
        }
    }
}

criterion_group!(benches, base_ot, extension, on_top, vole);
criterion_main!(benches);
