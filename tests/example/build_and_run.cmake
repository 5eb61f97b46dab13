# Installs Slipway from the build directory SLIPWAY_BUILD into a prefix of its own, builds every example against that
# with COMPILER as a project of its own would, and runs each.
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(prefix ${SLIPWAY_BUILD}/tests/example/installed)
set(project ${SLIPWAY_BUILD}/tests/example/project)
file(REMOVE_RECURSE ${prefix} ${project})
run(${CMAKE_COMMAND} --install ${SLIPWAY_BUILD} --prefix ${prefix})

file(WRITE ${project}/CMakeLists.txt [[
cmake_minimum_required(VERSION 3.25)
project(example LANGUAGES CXX)
find_package(slipway REQUIRED)
file(GLOB examples ${EXAMPLES}/*.cpp)
foreach(source ${examples})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE slipway::slipway)
endforeach()
]])
run(${CMAKE_COMMAND} -S ${project} -B ${project}/build -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${COMPILER}
    -D EXAMPLES=${CMAKE_CURRENT_LIST_DIR})
run(${CMAKE_COMMAND} --build ${project}/build --parallel 2)

file(GLOB examples ${CMAKE_CURRENT_LIST_DIR}/*.cpp)
foreach(source ${examples})
  get_filename_component(name ${source} NAME_WE)
  message(STATUS "Running ${name}")
  run(${project}/build/${name})
endforeach()
