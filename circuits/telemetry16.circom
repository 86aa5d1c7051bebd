pragma circom 2.1.9;

include "telemetry.circom";

// telemetry16: 16 readings, a tree of 2^20 leaves. Outputs precede inputs among the public signals; libs/proofs telemetryPublicSignals has the same order.
component main {public [scope, stream, epoch, policyFamily, warnLo, warnHi, critLo, critHi, kWarn, kCrit, messageHash]} = Telemetry(16, 20);
