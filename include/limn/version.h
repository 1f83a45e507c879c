// The version of limn.
#pragma once
namespace limn {
inline constexpr const char* kVersion = "0.1.0";
}
