#include "core/graph/scope.h"

namespace slipway {

bool Scope::attempt(const SourcePosition& where, const std::string& part,
                    const std::function<void()>& build) const {
  const SourcePosition around = graph_->position();
  graph_->set_position(where);
  bool built = false;
  try {
    build();
    built = true;
  } catch (const AlreadyReported&) {
    if (!options_.errors) throw;
  } catch (const UserError& error) {  // names its place already
    if (!options_.errors) throw;
    options_.errors->add_placed(where, error.what());
  } catch (const Error& error) {
    ConfigErrors mistake;
    mistake.add(where, text(part, ": ", error.what()));
    if (!options_.errors) mistake.throw_if_any();
    options_.errors->add_all(mistake);
  }
  graph_->set_position(around);
  return built;
}

}  // namespace slipway
