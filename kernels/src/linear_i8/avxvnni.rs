use super::product::Task;
use crate::AvxVnni;

pub(super) fn linear_i8(_proof: AvxVnni, task: Task) {
    // SAFETY: an `AvxVnni` exists only after detection, so this CPU runs AVX2 and AVX-VNNI.
    unsafe { body(task) }
}

vnni256!("avx2,avxvnni", _mm256_dpbusd_avx_epi32);

/// The same code in the encoding of AVX-512, for the tests: CPUs with one of the two encodings often lack the other.
#[cfg(test)]
pub(super) mod evex {
    use crate::Avx512Vnni;
    use crate::linear_i8::product::Task;

    pub(in crate::linear_i8) fn linear_i8(_proof: Avx512Vnni, task: Task) {
        // SAFETY: an `Avx512Vnni` exists only after detection, so this CPU runs AVX-512 VL and VNNI.
        unsafe { body(task) }
    }

    vnni256!("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni", _mm256_dpbusd_epi32);
}
