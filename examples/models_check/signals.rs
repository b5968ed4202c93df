//! Inputs: the same in every run of the program.

/// Numbers in -1 to 1 that look random and are the same everywhere.
pub fn noise(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

/// A voiced sound at 16 kHz: a glottal tone of 120 to 180 Hz with three formants, syllables of a quarter of a second,
/// pauses between them, and a little noise.
pub fn voice(n: usize) -> Vec<f32> {
    let tau = std::f32::consts::TAU;
    let hiss = noise(n, 7);
    let mut phase = 0.0_f32;
    (0..n)
        .map(|i| {
            let t = i as f32 / 16_000.0;
            let pitch = 150.0 + 30.0 * (tau * 0.7 * t).sin();
            phase = (phase + pitch / 16_000.0).fract();
            let syllable = (tau * 2.0 * t).sin().max(0.0);
            let formants = [(1.0, 1.0), (4.0, 0.6), (9.0, 0.35), (16.0, 0.2)];
            let tone: f32 = formants.iter().map(|(k, a)| a * (tau * k * phase).sin()).sum();
            0.25 * syllable * tone + 0.005 * hiss[i]
        })
        .collect()
}

/// Token ids below `most`, never 0.
pub fn ids(n: usize, most: i64, seed: u64) -> Vec<i64> {
    noise(n, seed)
        .iter()
        .map(|v| 1 + ((v + 1.0) * 0.5 * (most - 1) as f32) as i64)
        .map(|v| v.min(most - 1))
        .collect()
}

/// A picture `[height, width, 3]`: gradients, a disc and noise, values 0 to 255.
pub fn picture(height: usize, width: usize, seed: u64) -> Vec<f32> {
    let grain = noise(height * width * 3, seed);
    let pixel = |i: usize| {
        let (y, x, c) = (i / 3 / width, i / 3 % width, i % 3);
        let (fy, fx) = (y as f32 / height as f32, x as f32 / width as f32);
        let disc = if (fy - 0.5).hypot(fx - 0.4) < 0.3 { 70.0 } else { 0.0 };
        let slope = [fx, fy, 1.0 - fx][c] * 150.0;
        (slope + disc + 12.0 * grain[i] + 15.0).clamp(0.0, 255.0).floor()
    };
    (0..height * width * 3).map(pixel).collect()
}
