//! proto tunables
#[doc(hidden)]
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Tuning {
    pub v: Vec<(String, f32)>,
}
impl Tuning {
    #[allow(missing_docs)]
    pub fn get(&self, k: &str, d: f32) -> f32 {
        for (n, v) in self.v.iter().rev() {
            if n == k {
                return *v;
            }
        }
        d
    }
    #[allow(missing_docs)]
    pub fn from_env() -> Self {
        let s = std::env::var("TUNE").unwrap_or_default();
        Self {
            v: s.split(',')
                .filter_map(|kv| kv.split_once('='))
                .map(|(k, v)| (k.to_string(), v.parse().unwrap()))
                .collect(),
        }
    }
}
