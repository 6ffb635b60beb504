//! proto lab: lab OUT TUNING FILES..
use std::io::Write;
fn rng(s: &mut u64) -> f64 {
    *s = s.wrapping_add(0x9e3779b97f4a7c15);
    let mut z = *s;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d049bb133111eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}
pub fn trace(n: usize, p: f64, burst: bool, seed: u64) -> Vec<bool> {
    let mut s = seed;
    for _ in 0..4 { rng(&mut s); }
    let stay = 0.6;
    let enter = p * (1.0 - stay) / (1.0 - p);
    let mut bad = false;
    (0..n).map(|_| {
        if burst { bad = rng(&mut s) < if bad { stay } else { enter }; bad } else { rng(&mut s) < p }
    }).collect()
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let out = &args[1];
    let mut t = mediapoint_jitter::conceal::Tuning { v: Default::default() };
    for kv in args[2].split(',').filter(|s| s.contains('=')) {
        let (k, v) = kv.split_once('=').unwrap();
        t.v.insert(k.to_string(), v.parse().unwrap());
    }
    let seeds = t.get("seeds", 1.0) as u64;
    let mut spent = std::time::Duration::ZERO;
    let mut count = 0u32;
    for (fi, file) in args[3..].iter().enumerate() {
        let pcm: Vec<i16> = hound::WavReader::open(file).unwrap().samples::<i16>().map(|s| s.unwrap()).collect();
        let pcm = &pcm[..pcm.len() / 160 * 160];
        let mut codes = vec![0u8; pcm.len()];
        mediapoint_g711::encode_slice(mediapoint_g711::Law::Mu, pcm, &mut codes);
        let mut lin = vec![0i16; pcm.len()];
        mediapoint_g711::decode_slice(mediapoint_g711::Law::Mu, &codes, &mut lin);
        let w = |name: &str, d: &[i16]| { let mut f = std::fs::File::create(format!("{out}/{name}")).unwrap(); f.write_all(&d.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<u8>>()).unwrap(); };
        w(&format!("ref-{fi}.raw"), pcm);
        w(&format!("dec-{fi}.raw"), &lin);
        for burst in [false, true] { for p in [1, 3, 5, 10] { for seed in 0..seeds {
            let lost = trace(pcm.len() / 160, f64::from(p) / 100.0, burst, seed * 1000 + fi as u64);
            let key = format!("{}-{p}-{seed}-{fi}", if burst { "bursty" } else { "random" });
            std::fs::write(format!("{out}/loss-{key}.txt"), lost.iter().map(|l| if *l { '1' } else { '0' }).collect::<String>()).unwrap();
            let mut zero = lin.clone();
            let mut ours = lin.clone();
            let mut c = mediapoint_jitter::conceal::Concealer::new(8000, t.clone());
            for (i, l) in lost.iter().enumerate() {
                let next = lost.get(i + 1).is_some_and(|l| !*l).then(|| lin[(i + 1) * 160..(i + 2) * 160].to_vec());
                let f = &mut ours[i * 160..(i + 1) * 160];
                if *l { zero[i * 160..(i + 1) * 160].fill(0);
                    let t0 = std::time::Instant::now();
                    c.conceal(f, next.as_deref()); spent += t0.elapsed(); count += 1; } else { c.good(f); }
            }
            w(&format!("zero-{key}.raw"), &zero);
            w(&format!("ours-{key}.raw"), &ours);
        }}}
    }
    eprintln!("us per conceal {}", spent.as_secs_f64() * 1e6 / f64::from(count));
}
