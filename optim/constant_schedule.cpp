#include "optim/schedule.h"

namespace slipway {
namespace {

class ConstantSchedule : public Schedule {
 public:
  void fields(FieldVisitor& visit) override { warmup_fields(visit); }

 protected:
  double factor(std::int64_t, const TrainingLength&) const override { return 1; }
};

const Register<Schedule, ConstantSchedule> registered("constant", "The same rate in every step.");

}  // namespace
}  // namespace slipway
